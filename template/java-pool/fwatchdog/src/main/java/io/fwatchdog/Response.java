package io.fwatchdog;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

/**
 * The answer to a request: status, headers and a body that is either whole or streamed.
 *
 * <pre>{@code
 * Response.of(200).header("Content-Type", "text/plain").body("hello")
 * Response.of(200).body(out -> { out.write(piece); out.flush(); })
 * }</pre>
 */
public final class Response {
    private static final byte[] EMPTY = {};

    final int status;
    final Headers headers = new Headers();
    /** The body when it is whole, else null. */
    byte[] whole = EMPTY;
    /** Writes the body when it is streamed, else null. */
    BodyWriter writer;

    private Response(int status) {
        this.status = status;
    }

    /**
     * A response without headers and with an empty body.
     *
     * @param status the HTTP status, 200 to 999
     * @return the response
     */
    public static Response of(int status) {
        if (status < 200 || status > 999) {
            throw new IllegalArgumentException("a status is a number from 200 to 999, not " + status);
        }
        return new Response(status);
    }

    /**
     * Adds a header. A repeated name is a repeated header.
     *
     * @param name the name, sent in lower case
     * @param value the value, latin-1
     * @return this response
     */
    public Response header(String name, String value) {
        headers.add(name, value);
        return this;
    }

    /**
     * Sets a whole body.
     *
     * @param body the bytes; they must not change until they are sent
     * @return this response
     */
    public Response body(byte[] body) {
        whole = Objects.requireNonNull(body);
        writer = null;
        return this;
    }

    /**
     * Sets a whole body.
     *
     * @param body text, sent as UTF-8
     * @return this response
     */
    public Response body(String body) {
        return body(body.getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Streams the body. Each piece is sent as it is read; the source is closed in the end.
     *
     * @param body where the bytes come from
     * @return this response
     */
    public Response body(InputStream body) {
        return body(new Copy(Objects.requireNonNull(body)));
    }

    /**
     * Streams the body. The head of the response leaves before the writer is called.
     *
     * @param body writes the bytes
     * @return this response
     */
    public Response body(BodyWriter body) {
        writer = Objects.requireNonNull(body);
        whole = null;
        return this;
    }

    /**
     * The status, for tests of handlers.
     *
     * @return the HTTP status
     */
    public int status() {
        return status;
    }

    /**
     * The headers, for tests of handlers.
     *
     * @return what {@link #header} added
     */
    public Headers headers() {
        return headers;
    }

    /**
     * The body, for tests of handlers. A streamed one is run to its end.
     *
     * @return its bytes
     * @throws Exception what a writer throws
     */
    public byte[] readBody() throws Exception {
        if (whole != null) {
            return whole;
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        writer.write(bytes);
        return bytes.toByteArray();
    }

    /** Streams a source piece by piece, as it yields them. */
    private static final class Copy implements BodyWriter {
        private final InputStream source;

        Copy(InputStream source) {
            this.source = source;
        }

        @Override
        public void write(OutputStream out) throws IOException {
            try (InputStream in = source) {
                byte[] piece = new byte[Frame.MAX_PAYLOAD];
                for (int n = in.read(piece); n >= 0; n = in.read(piece)) {
                    out.write(piece, 0, n);
                    out.flush();
                }
            }
        }
    }
}
