package io.fwatchdog;

/** How a worker goes when it cannot go on: one line on stderr, and a code that says why. */
final class Exit {
    /** The host is gone, as at the end of stdin. */
    static final int HOST_GONE = 0;
    /** The user's code could not be loaded. */
    static final int LOAD_FAILED = 1;
    /** Out of memory, as -XX:+ExitOnOutOfMemoryError has it. */
    static final int BROKEN = 3;
    /** Started by hand, or with settings that make no sense. */
    static final int USAGE = 64;
    /** The host sent what is no FWP/1. */
    static final int PROTOCOL = 65;
    /** The pipe from the host cannot be read. */
    static final int IO_ERROR = 74;

    private Exit() {
    }

    /** Ends the process when what user code has thrown says that the JVM is broken; a stack that overflowed is unwound by now. */
    static void ifBroken(Throwable raised) {
        if (raised instanceof VirtualMachineError && !(raised instanceof StackOverflowError)) {
            now(BROKEN, "a handler broke the JVM", raised);
        }
    }

    /**
     * Ends the process at once. No shutdown hook runs: one that waits for a request in flight would keep a worker alive
     * that can answer no more.
     */
    static void now(int code, String why) {
        now(code, why, null);
    }

    /** As above, for a cause that may be the lack of memory: even to build the text may fail. */
    static void now(int code, String why, Throwable cause) {
        try {
            System.err.println("fwatchdog: " + why + (cause == null ? "" : ": " + cause));
            System.err.flush();
        } finally {
            Runtime.getRuntime().halt(code);
        }
    }
}
