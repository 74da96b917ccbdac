package io.fwatchdog;

import java.io.PrintWriter;
import java.io.StringWriter;

/** What user code has thrown, as text. */
final class Raised {
    private Raised() {
    }

    /** The message in the first line, the stack below it. */
    static String describe(Throwable raised) {
        String message = raised.getMessage();
        StringWriter text = new StringWriter();
        text.append(message == null ? raised.getClass().getName() : message).append('\n');
        raised.printStackTrace(new PrintWriter(text, true));
        return text.toString();
    }
}
