package io.fwatchdog;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;

/** All that a worker sent on one stream. */
final class Answer {
    int status;
    Headers headers;
    /** Code and text of an ERROR; -1 when there was none. */
    int errorCode = -1;
    String errorText;
    int frames;
    private final ByteArrayOutputStream body = new ByteArrayOutputStream();

    void add(Received frame) throws ProtocolException {
        Decoder payload = frame.decoder();
        frames++;
        if (frame.type == Frame.ERROR) {
            errorCode = payload.u16();
            errorText = payload.text();
        } else if (frame.type == Frame.RESP) {
            Decoder meta = payload.part(payload.u32());
            status = meta.u16();
            headers = meta.pairs();
            body.write(frame.payload, payload.position(), frame.payload.length - payload.position());
        } else {
            body.write(frame.payload, 0, frame.payload.length);
        }
    }

    byte[] body() {
        return body.toByteArray();
    }

    /** Status and body, or code and first line of the error, in one line. */
    String text() {
        return errorCode < 0 ? status + " " + new String(body(), UTF_8) : "ERROR " + errorCode + " " + firstLine();
    }

    String latin1() {
        return new String(body(), ISO_8859_1);
    }

    private String firstLine() {
        return errorText.split("\n", 2)[0];
    }
}
