package io.fwatchdog;

import java.io.IOException;
import java.io.OutputStream;

/** Writes a streamed response body. */
@FunctionalInterface
public interface BodyWriter {
    /**
     * Writes the body; the response ends when this returns. What is written is collected until it fills a frame or
     * {@code flush} is called. A write waits while the client is slow.
     *
     * @param out where the body goes
     * @throws CancelledException when the request was cancelled meanwhile: simply let it pass
     * @throws Exception anything: the response is broken off, so that the client sees it is not whole
     */
    void write(OutputStream out) throws Exception;
}
