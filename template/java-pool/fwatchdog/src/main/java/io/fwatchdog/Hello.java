package io.fwatchdog;

import io.fwatchdog.ProtocolException.Fault;

/** What the host says first. */
final class Hello {
    private static final int DEFAULT_WINDOW = 262144;

    final int min;
    final int max;
    final Headers pairs;

    private Hello(int min, int max, Headers pairs) {
        this.min = min;
        this.max = max;
        this.pairs = pairs;
    }

    static Hello decode(Decoder payload) throws ProtocolException {
        Hello hello = new Hello(payload.u16(), payload.u16(), payload.pairs());
        payload.end();
        if (hello.min > hello.max) {
            throw new ProtocolException(Fault.PAYLOAD, "a HELLO offers the versions " + hello.min + " to " + hello.max);
        }
        return hello;
    }

    /** What this host and a worker agree on whose payloads are at most {@code maxPayload} bytes. */
    Limits limits(int maxPayload) throws ProtocolException {
        if (min > Frame.VERSION || max < Frame.VERSION) {
            throw new ProtocolException(Fault.PAYLOAD, "the host speaks the versions " + min + " to " + max
                    + " of the protocol, this worker speaks " + Frame.VERSION + " to " + Frame.VERSION);
        }
        long wanted = Math.max(number("max_frame", Frame.MAX_PAYLOAD), Frame.SHARED_PAYLOAD);
        String features = pairs.get("features");
        boolean counted = features != null && (" " + features + " ").contains(" window ");
        return new Limits((int) Math.min(maxPayload, wanted), counted ? number("window", DEFAULT_WINDOW) : Limits.UNCOUNTED);
    }

    private long number(String key, long otherwise) {
        try {
            long number = Long.parseLong(pairs.get(key));
            return number >= 0 ? number : otherwise;
        } catch (NumberFormatException e) {
            return otherwise;
        }
    }
}
