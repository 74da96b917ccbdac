package io.fwatchdog;

import java.io.ByteArrayInputStream;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/** The pipes to the host, and what is left of stdin and stdout for user code. */
final class Stdio {
    final InputStream in;
    final OutputStream out;
    /** What native code or the JVM itself prints lies between our frames: fd 1 could not be taken from them. */
    final boolean shared;

    private Stdio(OutputStream out, boolean shared) {
        this.in = new FileInputStream(FileDescriptor.in);
        this.out = out;
        this.shared = shared;
    }

    /**
     * Takes the pipes away from user code: {@code System.in} is empty, and {@code System.out} is stderr unless the frames
     * have a descriptor of their own.
     *
     * @param descriptor FWATCHDOG_OUT_FD
     */
    static Stdio take(String descriptor) {
        System.setIn(new ByteArrayInputStream(new byte[0]));
        if (descriptor == null || descriptor.equals("1")) {
            System.setOut(System.err);
            return new Stdio(new FileOutputStream(FileDescriptor.out), true);
        }
        try {
            return new Stdio(new FileOutputStream("/proc/self/fd/" + Integer.parseInt(descriptor)), false);
        } catch (IOException | NumberFormatException e) {
            Exit.now(Exit.USAGE, "FWATCHDOG_OUT_FD is no open pipe: " + descriptor);
            return null;
        }
    }

    int maxPayload() {
        return shared ? Frame.SHARED_PAYLOAD : Frame.MAX_PAYLOAD;
    }
}
