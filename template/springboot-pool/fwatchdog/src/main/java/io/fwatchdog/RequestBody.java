package io.fwatchdog;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;

/** A request's body as a handler reads it: what came with the head, then piece by piece what follows. */
final class RequestBody extends InputStream {
    private byte[] piece;
    private int at;
    /** Where the further pieces come from; null when there are none. */
    private Upload source;

    /** A body that begins with the bytes of {@code first} from {@code offset} on. */
    RequestBody(byte[] first, int offset, Upload source) {
        this.piece = first;
        this.at = offset;
        this.source = source;
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
    }

    @Override
    public int read(byte[] to, int offset, int count) throws IOException {
        if (count == 0) {
            return 0;
        }
        if (!advance()) {
            return -1;
        }
        int n = Math.min(count, piece.length - at);
        System.arraycopy(piece, at, to, offset, n);
        at += n;
        return n;
    }

    @Override
    public int available() {
        return piece.length - at;
    }

    /** All that has not been read yet. */
    byte[] rest() throws IOException {
        if (source == null) {
            byte[] rest = Arrays.copyOfRange(piece, at, piece.length);
            at = piece.length;
            return rest;
        }
        ByteArrayOutputStream rest = new ByteArrayOutputStream();
        while (advance()) {
            rest.write(piece, at, piece.length - at);
            at = piece.length;
        }
        return rest.toByteArray();
    }

    /** Sees to it that there is a byte to read. False at the end of the body. */
    private boolean advance() throws IOException {
        while (at == piece.length && source != null) {
            byte[] next = source.take();
            if (next == null) {
                source = null;
            } else {
                piece = next;
                at = 0;
            }
        }
        return at < piece.length;
    }
}
