package io.fwatchdog;

import io.fwatchdog.ProtocolException.Fault;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;

/**
 * Cuts the host's bytes into frames. One read takes what the pipe holds, which is many frames under load. The frame that
 * {@link #next} found stays in place until {@link #fill} is called: its fields and payload are valid until then.
 */
final class FrameReader {
    private static final int READ_BYTES = 65536;

    private final InputStream in;
    /** Room for the beginning of the largest frame and a whole read behind it. */
    private final byte[] buffer = new byte[Frame.HEADER_BYTES + Frame.MAX_PAYLOAD + READ_BYTES];
    /** What has been read and not yet returned lies from here to {@link #filled}. */
    private int start;
    private int filled;
    /** Where {@link #start} is in all that was ever read. */
    private long offset;

    int type;
    boolean end;
    int stream;
    /** Length of the payload. */
    int length;
    private int payload;

    FrameReader(InputStream in) {
        this.in = in;
    }

    /** Waits for more bytes. False when there will be none, whether or not a frame has begun. */
    boolean fill() throws IOException {
        System.arraycopy(buffer, start, buffer, 0, filled - start);
        filled -= start;
        start = 0;
        int read = in.read(buffer, filled, READ_BYTES);
        filled += Math.max(read, 0);
        return read >= 0;
    }

    /** Finds the next frame among the bytes at hand. False when there is no whole one. */
    boolean next() throws ProtocolException {
        int available = filled - start;
        if (available > 0 && (buffer[start] & 0xFF) != Frame.MAGIC_0 || available > 1 && (buffer[start + 1] & 0xFF) != Frame.MAGIC_1) {
            throw fault(Fault.MAGIC, "no frame begins here");
        }
        if (available < Frame.HEADER_BYTES) {
            return false;
        }
        type = buffer[start + 2] & 0xFF;
        end = (buffer[start + 3] & Frame.END) != 0;
        stream = Frame.getInt(buffer, start + 4);
        length = Frame.getInt(buffer, start + 8);
        checkHeader();
        if (available < Frame.HEADER_BYTES + length) {
            return false;
        }
        payload = start + Frame.HEADER_BYTES;
        start = payload + length;
        offset += Frame.HEADER_BYTES + length;
        return true;
    }

    /** Whether a frame has begun that {@link #next} did not find whole. */
    boolean hasMore() {
        return start < filled;
    }

    /** The payload, valid until the next {@link #fill}. */
    Decoder payload() {
        return new Decoder(buffer, payload, payload + length);
    }

    /** A copy of the payload, for whoever keeps it. */
    byte[] copyPayload() {
        return Arrays.copyOfRange(buffer, payload, payload + length);
    }

    private void checkHeader() throws ProtocolException {
        switch (type) {
            case Frame.READY:
            case Frame.PONG:
            case Frame.LOG:
            case Frame.RESP:
            case Frame.ERROR:
                throw fault(Fault.TYPE, "only a worker sends frames of type " + type);
            default:
                break;
        }
        if (type > Frame.ERROR) {
            throw fault(Fault.TYPE, "frames of type " + type + " are unknown");
        }
        if (length < 0 || length > Frame.MAX_PAYLOAD) {
            throw fault(Fault.LENGTH, "a payload of " + (length & 0xFFFFFFFFL) + " bytes is over the limit of " + Frame.MAX_PAYLOAD);
        }
        boolean control = type == Frame.HELLO || type == Frame.PING || type == Frame.GOAWAY;
        if (control && stream != 0 || type >= Frame.FIRST_STREAM_TYPE && stream == 0) {
            throw fault(Fault.STREAM, "a frame of type " + type + " on stream " + Integer.toUnsignedString(stream));
        }
    }

    private ProtocolException fault(Fault fault, String what) {
        StringBuilder text = new StringBuilder(what).append(", at offset ").append(offset).append(':');
        for (int i = start; i < Math.min(start + 32, filled); i++) {
            text.append(' ').append(Character.forDigit(buffer[i] >> 4 & 15, 16)).append(Character.forDigit(buffer[i] & 15, 16));
        }
        return new ProtocolException(fault, text.toString());
    }
}
