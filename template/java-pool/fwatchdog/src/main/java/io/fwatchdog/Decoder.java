package io.fwatchdog;

import io.fwatchdog.ProtocolException.Fault;
import java.nio.charset.StandardCharsets;

/** Reads a payload from front to back. What is too short for its type is a fault, never an index out of bounds. */
final class Decoder {
    private final byte[] bytes;
    private final int end;
    private int at;

    Decoder(byte[] bytes, int from, int end) {
        this.bytes = bytes;
        this.at = from;
        this.end = end;
    }

    int position() {
        return at;
    }

    int u8() throws ProtocolException {
        return bytes[advance(1)] & 0xFF;
    }

    int u16() throws ProtocolException {
        int from = advance(2);
        return (bytes[from] & 0xFF) << 8 | bytes[from + 1] & 0xFF;
    }

    long u32() throws ProtocolException {
        return Frame.getInt(bytes, advance(4)) & 0xFFFFFFFFL;
    }

    long u64() throws ProtocolException {
        return u32() << 32 | u32();
    }

    /** A str as latin-1: one character, one byte. */
    String str() throws ProtocolException {
        int length = u16();
        return new String(bytes, advance(length), length, StandardCharsets.ISO_8859_1);
    }

    void skipStr() throws ProtocolException {
        advance(u16());
    }

    /** What is left, as UTF-8. */
    String text() {
        String text = new String(bytes, at, end - at, StandardCharsets.UTF_8);
        at = end;
        return text;
    }

    Headers pairs() throws ProtocolException {
        int count = u16();
        Headers pairs = new Headers();
        for (int i = 0; i < count; i++) {
            pairs.addDecoded(str(), str());
        }
        return pairs;
    }

    void skipPairs() throws ProtocolException {
        for (int left = u16(); left > 0; left--) {
            skipStr();
            skipStr();
        }
    }

    /** A decoder of the next {@code length} bytes, over which this one moves on. */
    Decoder part(long length) throws ProtocolException {
        int from = advance(length);
        return new Decoder(bytes, from, at);
    }

    /** Throws when something stands behind what has been read. */
    void end() throws ProtocolException {
        if (at != end) {
            throw new ProtocolException(Fault.PAYLOAD, "a payload is " + (end - at) + " bytes too long");
        }
    }

    private int advance(long length) throws ProtocolException {
        if (length > end - at) {
            throw new ProtocolException(Fault.PAYLOAD, "a payload ends " + (length - (end - at)) + " bytes too early");
        }
        int from = at;
        at += (int) length;
        return from;
    }
}
