package io.fwatchdog;

/** What both sides agreed on with their HELLOs. */
final class Limits {
    /** The window of a host that counts no DATA: so large that no stream comes to its end. */
    static final long UNCOUNTED = Long.MAX_VALUE / 2;

    /** The most that a payload to the host holds. */
    final int maxPayload;
    /** How many bytes of DATA each direction of a stream starts with. */
    final long window;

    Limits(int maxPayload, long window) {
        this.maxPayload = maxPayload;
        this.window = window;
    }
}
