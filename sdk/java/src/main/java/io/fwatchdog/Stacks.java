package io.fwatchdog;

/**
 * Writes where handlers are on stderr. The JVM itself does so at SIGQUIT, on stdout and for all its threads, the handlers'
 * among the last, but for virtual ones that wait: it does not know them. So there is another signal before that, one that
 * does nothing to a process that does not expect it.
 */
final class Stacks implements Runnable {
    private static final String SIGNAL = "URG";

    private final Streams streams;

    private Stacks(Streams streams) {
        this.streams = streams;
    }

    /** The signals at which the stacks of the handlers are written from now on, as HELLO names them. */
    static String offer(Streams streams) {
        return Signals.on(SIGNAL, new Stacks(streams)) ? SIGNAL + " QUIT" : "QUIT";
    }

    @Override
    public void run() {
        StringBuilder text = new StringBuilder("Handlers:\n");
        for (Thread thread : streams.runners()) {
            text.append("\n\"").append(thread.getName()).append("\" ").append(thread.getState()).append('\n');
            for (StackTraceElement frame : thread.getStackTrace()) {
                text.append("\tat ").append(frame).append('\n');
            }
        }
        System.err.print(text);
        System.err.flush();
    }
}
