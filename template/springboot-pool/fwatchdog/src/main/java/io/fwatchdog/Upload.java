package io.fwatchdog;

import io.fwatchdog.ProtocolException.Fault;
import java.io.IOException;
import java.util.ArrayDeque;

/** The part of a request's body that comes in DATA. What the host may send grows only with what the handler has read. */
final class Upload {
    private final Stream stream;
    private final Streams streams;
    private final long window;

    // streams.lock guards the rest.
    private final ArrayDeque<byte[]> pieces = new ArrayDeque<>();
    /** The last piece has come. */
    private boolean complete;
    /** How many bytes the host may still send. */
    private long allowed;
    /** Size of the piece that the handler is reading. */
    private int unread;
    /** How many bytes were read that the host has not been told of. */
    private long ungranted;

    Upload(Stream stream, Streams streams, long window) {
        this.stream = stream;
        this.streams = streams;
        this.window = window;
        this.allowed = window;
    }

    /** Takes what the host has sent. The lock is held. */
    void add(byte[] piece, boolean last) throws ProtocolException {
        allowed -= piece.length;
        if (complete || allowed < 0) {
            throw new ProtocolException(Fault.STREAM, "DATA after the end or over the window of stream " + stream);
        }
        complete = last;
        pieces.add(piece);
    }

    /** The next piece, null at the end. To ask for it says that the one before has been read. */
    byte[] take() throws IOException {
        grantRead();
        streams.lock.lock();
        try {
            while (pieces.isEmpty() && !complete) {
                stream.await("the host broke the request off");
            }
            byte[] piece = pieces.poll();
            unread = piece == null ? 0 : piece.length;
            return piece;
        } finally {
            streams.lock.unlock();
        }
    }

    /** Lets the host send as much again as was read, once that is half a window. */
    private void grantRead() {
        streams.lock.lock();
        try {
            ungranted += unread;
            unread = 0;
            if (complete || ungranted < window / 2) {
                return;
            }
            allowed += ungranted;
            streams.output.append(Messages.window(stream.number, (int) ungranted));
            ungranted = 0;
        } finally {
            streams.lock.unlock();
        }
        streams.output.flush();
    }
}
