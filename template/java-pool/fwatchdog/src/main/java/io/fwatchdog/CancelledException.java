package io.fwatchdog;

import java.io.IOException;

/** The host wants no answer any more: the deadline has passed, the client has gone, or the host stops. */
public final class CancelledException extends IOException {
    private static final long serialVersionUID = 1;

    CancelledException() {
        super("cancelled");
    }
}
