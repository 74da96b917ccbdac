package io.fwatchdog;

import java.util.Objects;

/** What a program may choose for its worker. All of it is optional. */
public final class Options {
    /** Something that is done once. */
    @FunctionalInterface
    public interface Step {
        /**
         * Does it.
         *
         * @throws Exception when it failed
         */
        void run() throws Exception;
    }

    private static final Step NOTHING = new Step() {
        @Override
        public void run() {
        }
    };

    Step init = NOTHING;
    Step stop = NOTHING;
    /** 0 until one is chosen. */
    int concurrency;

    /** Options of which none has been chosen. */
    public Options() {
    }

    /**
     * Runs once, before the worker takes requests. When it throws, the worker does not start, and the watchdog's log says why.
     *
     * @param init loads what the handler needs
     * @return these options
     */
    public Options init(Step init) {
        this.init = Objects.requireNonNull(init);
        return this;
    }

    /**
     * Runs once, after the last request.
     *
     * @param stop closes what {@link #init} opened
     * @return these options
     */
    public Options stop(Step stop) {
        this.stop = Objects.requireNonNull(stop);
        return this;
    }

    /**
     * How many requests the handler takes at once. Without it: 256 on virtual threads where the JVM has them (21 and
     * later), else 32 per CPU on threads of the platform. {@code FWATCHDOG_CONCURRENCY} replaces both.
     *
     * @param concurrency at least 1; with 1 every request is handled on the same thread
     * @return these options
     */
    public Options concurrency(int concurrency) {
        if (concurrency < 1) {
            throw new IllegalArgumentException("a concurrency is at least 1, not " + concurrency);
        }
        this.concurrency = concurrency;
        return this;
    }
}
