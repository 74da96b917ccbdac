package io.fwatchdog;

import java.util.Arrays;
import java.util.Map;

/** Builds a frame from front to back; its header is filled in last. */
final class Encoder {
    byte[] bytes;
    /** How many of {@link #bytes} are in use, the header included. */
    int length = Frame.HEADER_BYTES;

    /** An encoder with room for a payload of that size; it grows when that was too little. */
    Encoder(int payloadBytes) {
        bytes = new byte[Frame.HEADER_BYTES + payloadBytes];
    }

    /** Fills the header in. {@code moreBytes} of the payload are written behind this part by whoever holds them. */
    Encoder seal(int type, boolean end, int stream, int moreBytes) {
        Frame.putHeader(bytes, 0, type, end, stream, payloadLength() + moreBytes);
        return this;
    }

    int payloadLength() {
        return length - Frame.HEADER_BYTES;
    }

    Encoder u8(int value) {
        room(1);
        bytes[length++] = (byte) value;
        return this;
    }

    Encoder u16(int value) {
        return u8(value >>> 8).u8(value);
    }

    Encoder u32(int value) {
        room(4);
        Frame.putInt(bytes, length, value);
        length += 4;
        return this;
    }

    Encoder u64(long value) {
        return u32((int) (value >>> 32)).u32((int) value);
    }

    /** A str whose characters are bytes; a longer one than fits its length field is the caller's to prevent. */
    @SuppressWarnings("deprecation") // this getBytes is latin-1 without an array in between
    Encoder str(String text) {
        u16(text.length());
        room(text.length());
        text.getBytes(0, text.length(), bytes, length);
        length += text.length();
        return this;
    }

    Encoder pairs(Headers pairs) {
        u16(pairs.size());
        for (Map.Entry<String, String> pair : pairs) {
            str(pair.getKey()).str(pair.getValue());
        }
        return this;
    }

    Encoder raw(byte[] from, int offset, int count) {
        room(count);
        System.arraycopy(from, offset, bytes, length, count);
        length += count;
        return this;
    }

    private void room(int more) {
        if (length + more > bytes.length) {
            bytes = Arrays.copyOf(bytes, Math.max(2 * bytes.length, length + more));
        }
    }
}
