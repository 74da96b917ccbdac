package io.fwatchdog;

import java.io.IOException;
import java.io.OutputStream;

/** What a writer of a streamed response writes to. It collects until a frame is full or a flush is asked for. */
final class ResponseBody extends OutputStream {
    private final Stream stream;
    private final byte[] piece;
    private int length;

    ResponseBody(Stream stream) {
        this.stream = stream;
        this.piece = new byte[stream.maxPayload()];
    }

    @Override
    public void write(int b) throws IOException {
        if (length == piece.length) {
            flush();
        }
        piece[length++] = (byte) b;
    }

    @Override
    public void write(byte[] from, int offset, int count) throws IOException {
        if (count > piece.length - length) {
            flush();
        }
        if (count > piece.length) {
            stream.write(from, offset, count, false);
        } else {
            System.arraycopy(from, offset, piece, length, count);
            length += count;
        }
    }

    @Override
    public void flush() throws IOException {
        int count = length;
        length = 0;
        stream.write(piece, 0, count, false);
    }

    /** Ends the response. A writer that merely closes this flushes it, and may go on. */
    void finish() throws IOException {
        stream.write(piece, 0, length, true);
    }
}
