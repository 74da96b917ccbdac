package io.fwatchdog;

/** Where a worker writes its frames. */
enum Pipe {
    /** fd 1, which user code shares. */
    FD1(Frame.SHARED_PAYLOAD) {
        @Override
        void configure(ProcessBuilder process) {
            // This is how a process is started.
        }
    },
    /** fd 3, with fd 1 joined to stderr. */
    FD3(Frame.MAX_PAYLOAD) {
        @Override
        void configure(ProcessBuilder process) {
            process.command().add(0, "sh");
            process.command().add(1, "-c");
            process.command().add(2, "exec \"$@\" 3>&1 1>&2");
            process.command().add(3, "sh");
            process.environment().put("FWATCHDOG_OUT_FD", "3");
        }
    };

    final int maxPayload;

    Pipe(int maxPayload) {
        this.maxPayload = maxPayload;
    }

    abstract void configure(ProcessBuilder process);
}
