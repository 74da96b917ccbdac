package io.fwatchdog;

import java.nio.charset.StandardCharsets;

/** The payloads of FWP/1, each way: those a host sends are decoded, those a worker sends are encoded. */
final class Messages {
    /** Codes of ERROR. */
    static final int INIT_FAILED = 1;
    static final int CANCELLED = 2;
    static final int RAISED = 3;
    static final int NOT_STARTED = 4;
    static final int BAD_REQUEST = 5;

    private Messages() {
    }

    static Encoder hello(int min, int max, Headers pairs) {
        return new Encoder(256).u16(min).u16(max).pairs(pairs).seal(Frame.HELLO, false, 0, 0);
    }

    static Encoder ready(Headers pairs) {
        return new Encoder(2).pairs(pairs).seal(Frame.READY, false, 0, 0);
    }

    static Encoder pong(long nonce) {
        return new Encoder(8).u64(nonce).seal(Frame.PONG, false, 0, 0);
    }

    /** Asks the host for a successor. */
    static Encoder goAway(String reason) {
        byte[] utf8 = reason.getBytes(StandardCharsets.UTF_8);
        int length = cut(utf8, 0, Frame.SHARED_PAYLOAD);
        return new Encoder(length).raw(utf8, 0, length).seal(Frame.GOAWAY, false, 0, 0);
    }

    /** The next frame of a log text; {@code utf8} is what {@link #cut} left for it. */
    static Encoder log(int stream, Level level, byte[] utf8, int from, int to) {
        return new Encoder(1 + to - from).u8(level.ordinal()).raw(utf8, from, to - from).seal(Frame.LOG, false, stream, 0);
    }

    /** An ERROR, its text cut to the frame. */
    static Encoder error(int stream, int code, String text, int maxPayload) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        int length = cut(utf8, 0, maxPayload - 2);
        return new Encoder(2 + length).u16(code).raw(utf8, 0, length).seal(Frame.ERROR, stream != 0, stream, 0);
    }

    /** A response's head, to be sealed; null when it does not fit a frame. */
    static Encoder response(int status, Headers headers, int maxPayload) {
        int meta = 2 + headers.encodedBytes();
        if (4 + meta > maxPayload) {
            return null;
        }
        return new Encoder(4 + meta).u32(meta).u16(status).pairs(headers);
    }

    static Encoder data(int stream, int length, boolean end) {
        return new Encoder(0).seal(Frame.DATA, end, stream, length);
    }

    static Encoder window(int stream, int bytes) {
        return new Encoder(4).u32(bytes).seal(Frame.WINDOW, false, stream, 0);
    }

    /** Where a text that begins at {@code from} has to end to fit {@code max} bytes without a torn character. */
    static int cut(byte[] utf8, int from, int max) {
        if (utf8.length - from <= max) {
            return utf8.length;
        }
        int end = from + max;
        while (end > from && (utf8[end] & 0xC0) == 0x80) {
            end--;
        }
        return end;
    }

    /** Throws when a payload is no request. */
    static void checkRequest(Decoder payload) throws ProtocolException {
        Decoder meta = payload.part(payload.u32());
        meta.u32();
        meta.skipStr();
        meta.skipStr();
        meta.skipPairs();
    }

    /** A request whose payload {@link #checkRequest} has passed. Its body goes on in {@code upload} unless that is null. */
    static Request request(byte[] payload, Stream stream, Upload upload) throws ProtocolException {
        Decoder decoder = new Decoder(payload, 0, payload.length);
        Decoder meta = decoder.part(decoder.u32());
        return new Request(meta, new RequestBody(payload, decoder.position(), upload), stream);
    }

    static long ping(Decoder payload) throws ProtocolException {
        long nonce = payload.u64();
        payload.end();
        return nonce;
    }

    static long window(Decoder payload) throws ProtocolException {
        long bytes = payload.u32();
        payload.end();
        return bytes;
    }

    static int cancel(Decoder payload) throws ProtocolException {
        int reason = payload.u8();
        payload.end();
        return reason;
    }
}
