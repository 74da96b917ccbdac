package io.fwatchdog;

/**
 * Writes where handlers are on stderr. The JVM itself does so at SIGQUIT, on stdout and for all its threads, the handlers'
 * among the last, but for virtual ones that wait: it does not know them. So there is another signal before that, one that
 * does nothing to a process that does not expect it.
 */
final class Stacks implements Runnable {
    private static final String SIGNAL = "URG";

    private final Crew crew;

    private Stacks(Crew crew) {
        this.crew = crew;
    }

    /** The signals at which the stacks of the crew are written from now on, as HELLO names them. */
    static String offer(Crew crew) {
        return Signals.on(SIGNAL, new Stacks(crew)) ? SIGNAL + " QUIT" : "QUIT";
    }

    @Override
    public void run() {
        StringBuilder text = new StringBuilder("Handlers:\n");
        for (Thread thread : crew.busy()) {
            text.append("\n\"").append(thread.getName()).append("\" ").append(thread.getState()).append('\n');
            for (StackTraceElement frame : thread.getStackTrace()) {
                text.append("\tat ").append(frame).append('\n');
            }
        }
        System.err.print(text);
        System.err.flush();
    }
}
