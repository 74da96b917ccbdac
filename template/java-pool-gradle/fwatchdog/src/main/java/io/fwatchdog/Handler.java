package io.fwatchdog;

import java.util.function.Function;

/** A function's entry point. It is called from several threads at once when the concurrency is above 1. */
@FunctionalInterface
public interface Handler {
    /**
     * Answers one request.
     *
     * @param request what the client asked
     * @return the answer, never null
     * @throws Exception anything: the client gets status 500, the log the stack
     */
    Response handle(Request request) throws Exception;

    /**
     * A handler made of a function over text.
     *
     * @param function gets the body as UTF-8 text and returns that of the answer; null is an empty one
     * @return the handler
     */
    static Handler ofText(Function<String, String> function) {
        return request -> {
            String answer = function.apply(request.text());
            return answer == null ? Response.of(200) : Response.of(200).body(answer);
        };
    }

    /**
     * A handler made of a function over bytes.
     *
     * @param function gets the body and returns that of the answer; null is an empty one
     * @return the handler
     */
    static Handler ofBytes(Function<byte[], byte[]> function) {
        return request -> {
            byte[] answer = function.apply(request.body());
            return answer == null ? Response.of(200) : Response.of(200).body(answer);
        };
    }
}
