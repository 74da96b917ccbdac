package io.fwatchdog;

/** The numbers of FWP/1: frame types, flags and sizes. The wire's offsets are known here and nowhere else. */
final class Frame {
    static final int VERSION = 1;

    static final int HEADER_BYTES = 12;
    /** The most that any payload holds. */
    static final int MAX_PAYLOAD = 65536;
    /** A write of this size to a pipe is never torn, so it is the limit where user code shares the descriptor. */
    static final int PIPE_BUF = 4096;
    /** The most that a payload holds on a shared fd 1: one frame, one untorn write. */
    static final int SHARED_PAYLOAD = PIPE_BUF - HEADER_BYTES;

    static final int MAGIC_0 = 0xFB;
    static final int MAGIC_1 = 0xF7;
    static final int END = 1;

    static final int HELLO = 1;
    static final int READY = 2;
    static final int PING = 3;
    static final int PONG = 4;
    static final int GOAWAY = 5;
    static final int LOG = 6;
    static final int REQ = 16;
    static final int RESP = 17;
    static final int DATA = 18;
    static final int WINDOW = 19;
    static final int CANCEL = 20;
    static final int ERROR = 21;

    /** Unknown types below this one are ignored: a later version may define them. */
    static final int FIRST_STREAM_TYPE = 16;

    private Frame() {
    }

    static boolean known(int type) {
        return type >= HELLO && type <= LOG || type >= FIRST_STREAM_TYPE && type <= ERROR;
    }

    static void putHeader(byte[] to, int at, int type, boolean end, int stream, int length) {
        to[at] = (byte) MAGIC_0;
        to[at + 1] = (byte) MAGIC_1;
        to[at + 2] = (byte) type;
        to[at + 3] = (byte) (end ? END : 0);
        putInt(to, at + 4, stream);
        putInt(to, at + 8, length);
    }

    static void putInt(byte[] to, int at, int value) {
        to[at] = (byte) (value >>> 24);
        to[at + 1] = (byte) (value >>> 16);
        to[at + 2] = (byte) (value >>> 8);
        to[at + 3] = (byte) value;
    }

    static int getInt(byte[] from, int at) {
        return (from[at] & 0xFF) << 24 | (from[at + 1] & 0xFF) << 16 | (from[at + 2] & 0xFF) << 8 | from[at + 3] & 0xFF;
    }
}
