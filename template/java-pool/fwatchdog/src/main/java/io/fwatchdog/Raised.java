package io.fwatchdog;

import java.io.PrintWriter;
import java.io.StringWriter;

/** What user code has thrown, as text. What tells it is user code, too, and may throw in its turn: then the class is told. */
final class Raised {
    private Raised() {
    }

    /** The message in the first line, the stack below it. */
    static String describe(Throwable raised) {
        StringWriter text = new StringWriter();
        text.append(message(raised)).append('\n');
        try {
            raised.printStackTrace(new PrintWriter(text, true));
        } catch (Throwable e) {
            Exit.ifBroken(e);
            text.append("no stack, for to print it throws ").append(e.getClass().getName());
        }
        return text.toString();
    }

    /** The message; where there is none, the class. */
    static String message(Throwable raised) {
        String message = null;
        try {
            message = raised.getMessage();
        } catch (Throwable e) {
            Exit.ifBroken(e);
        }
        return message == null ? raised.getClass().getName() : message;
    }
}
