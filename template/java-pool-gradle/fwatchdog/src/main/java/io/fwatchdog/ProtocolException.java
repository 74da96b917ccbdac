package io.fwatchdog;

import java.io.IOException;

/** The host sent bytes that are no FWP/1. There is no way on after it: the worker says so and exits 65. */
final class ProtocolException extends IOException {
    private static final long serialVersionUID = 1;

    /** What of a frame is wrong, in the words of the shared vectors. */
    enum Fault { MAGIC, TYPE, LENGTH, STREAM, PAYLOAD }

    final Fault fault;

    ProtocolException(Fault fault, String text) {
        super(text);
        this.fault = fault;
    }
}
