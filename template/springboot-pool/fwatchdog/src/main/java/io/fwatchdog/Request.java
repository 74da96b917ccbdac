package io.fwatchdog;

import java.io.IOException;
import java.io.InputStream;
import java.io.UnsupportedEncodingException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** What a client asked. Its body is either read whole or as a stream. */
public final class Request {
    private final long timeoutMillis;
    private final String method;
    private final String target;
    private final Headers headers;
    private final RequestBody stream;
    private byte[] body;
    /** What the host knows of this request; null in a test of a handler. */
    private final Stream exchange;

    /** The request that a host has sent. */
    Request(Decoder meta, RequestBody body, Stream exchange) throws ProtocolException {
        this.timeoutMillis = meta.u32();
        this.method = meta.str();
        this.target = meta.str();
        this.headers = meta.pairs();
        this.stream = body;
        this.exchange = exchange;
    }

    private Request(String method, String target, Headers headers, RequestBody body) {
        this.timeoutMillis = 0;
        this.method = method;
        this.target = target;
        this.headers = headers;
        this.stream = body;
        this.exchange = null;
    }

    /**
     * A request for a test of a handler. It has no deadline, is never cancelled, and logs to stderr.
     *
     * @param method the HTTP method
     * @param target path and query
     * @param headers the headers, see {@link Headers#of}
     * @param body the whole body
     * @return the request
     */
    public static Request of(String method, String target, Headers headers, byte[] body) {
        return new Request(method, target, headers, new RequestBody(body, 0, null));
    }

    /**
     * The HTTP method.
     *
     * @return the method as the client wrote it
     */
    public String method() {
        return method;
    }

    /**
     * The request target: path and query.
     *
     * @return the target as the client wrote it, not decoded
     */
    public String target() {
        return target;
    }

    /**
     * The path of the target.
     *
     * @return all before the first {@code ?}, not decoded
     */
    public String path() {
        int mark = target.indexOf('?');
        return mark < 0 ? target : target.substring(0, mark);
    }

    /**
     * The query of the target.
     *
     * @return all behind the first {@code ?}, not decoded; empty when there is none
     */
    public String query() {
        int mark = target.indexOf('?');
        return mark < 0 ? "" : target.substring(mark + 1);
    }

    /**
     * One parameter of the query.
     *
     * @param name its name, decoded
     * @return its first value, decoded as UTF-8; empty when it has none, null when there is no such parameter
     */
    public String query(String name) {
        for (String parameter : query().split("&")) {
            int mark = parameter.indexOf('=');
            if (decode(mark < 0 ? parameter : parameter.substring(0, mark)).equals(name)) {
                return mark < 0 ? "" : decode(parameter.substring(mark + 1));
            }
        }
        return null;
    }

    /**
     * The headers, {@code host} among them.
     *
     * @return the headers in their order
     */
    public Headers headers() {
        return headers;
    }

    /**
     * The first value of a header.
     *
     * @param name its name, in any case
     * @return its value, or null when there is none
     */
    public String header(String name) {
        return headers().get(name);
    }

    /**
     * The id under which the call is logged everywhere: the header {@code X-Call-Id}.
     *
     * @return the id, or null when there is none
     */
    public String callId() {
        return header("x-call-id");
    }

    /**
     * The whole body. Waits until all of it has come.
     *
     * @return its bytes, the same array at each call
     * @throws CancelledException when the request is cancelled before all has come
     * @throws IOException when the host breaks the request off
     */
    public byte[] body() throws IOException {
        if (body == null) {
            body = stream.rest();
        }
        return body;
    }

    /**
     * The whole body as UTF-8 text.
     *
     * @return its text
     * @throws IOException as {@link #body} does
     */
    public String text() throws IOException {
        return new String(body(), StandardCharsets.UTF_8);
    }

    /**
     * The body piece by piece. Only what is read here makes the client send more, so that a large upload never lies in
     * memory whole. Not to be mixed with {@link #body}.
     *
     * @return the body; reading it throws {@link CancelledException} once the request is cancelled
     */
    public InputStream stream() {
        return stream;
    }

    /**
     * How long the client still waits, by a clock that nobody can set.
     *
     * @return the time left, zero when it is over, empty when there is no deadline
     */
    public Optional<Duration> deadline() {
        if (timeoutMillis == 0) {
            return Optional.empty();
        }
        long left = TimeUnit.MILLISECONDS.toNanos(timeoutMillis) - exchange.ageNanos();
        return Optional.of(Duration.ofNanos(Math.max(left, 0)));
    }

    /**
     * Whether it is time to come to an end: the host wants no answer any more, in which case the thread in the handler is
     * interrupted too, or it has closed the pipe and still takes one, in which case the thread is only unparked.
     *
     * @return true once the request is cancelled or the pipe is closed
     */
    public boolean cancelled() {
        return exchange != null && exchange.cancelled();
    }

    /**
     * Writes to the log of the watchdog, marked with this request.
     *
     * @param level how much it matters
     * @param text what to write, of any length
     */
    public void log(Level level, String text) {
        if (exchange == null) {
            System.err.println(level + " " + text);
        } else {
            exchange.log(level, text);
        }
    }

    /**
     * Asks the watchdog to replace this worker: a successor is started first, then this one finishes what is in flight and
     * goes. For a handler that has lost what it needs, as a connection that cannot be made again.
     *
     * @param reason why, for the log
     */
    public void retire(String reason) {
        if (exchange != null) {
            exchange.retire(reason);
        }
    }

    /** As the host has sent it; 0 is none. */
    long timeoutMillis() {
        return timeoutMillis;
    }

    private static String decode(String text) {
        try {
            return URLDecoder.decode(text, "UTF-8");
        } catch (IllegalArgumentException e) {
            throw new BadRequestException("the query is not well encoded", e);
        } catch (UnsupportedEncodingException e) {
            throw new AssertionError(e);
        }
    }
}
