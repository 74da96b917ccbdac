package io.fwatchdog;

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
}
