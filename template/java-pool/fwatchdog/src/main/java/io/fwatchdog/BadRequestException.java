package io.fwatchdog;

import java.util.Objects;

/** Thrown by a handler for a request that makes no sense: the client gets status 400. */
public class BadRequestException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /**
     * A bad request.
     *
     * @param message what is wrong with it
     */
    public BadRequestException(String message) {
        super(Objects.requireNonNull(message));
    }

    /**
     * A bad request that showed itself by another exception.
     *
     * @param message what is wrong with it
     * @param cause how that was noticed
     */
    public BadRequestException(String message, Throwable cause) {
        super(Objects.requireNonNull(message), cause);
    }
}
