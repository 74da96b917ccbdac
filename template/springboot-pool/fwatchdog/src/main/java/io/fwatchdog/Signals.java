package io.fwatchdog;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;

/**
 * What the process does when it gets a signal.
 *
 * <p>The JDK has no public API for signals; {@code sun.misc.Signal} is there from 8 on, though not for javac's
 * {@code --release}. A handler that does nothing is better than ignoring, which the user's subprocesses would inherit.
 */
final class Signals implements InvocationHandler {
    private final Runnable action;

    private Signals(Runnable action) {
        this.action = action;
    }

    /**
     * Makes TERM and INT do nothing: a container's runtime may send them to every process, but the host alone says when a
     * worker goes.
     */
    static void ignoreEnds() {
        Runnable nothing = () -> { };
        try {
            handle("TERM", nothing);
            handle("INT", nothing);
        } catch (ReflectiveOperationException | RuntimeException e) {
            System.err.println("fwatchdog: this JVM ends at SIGTERM: " + e);
        }
    }

    /** Runs the action, in a thread of its own, whenever the signal comes. False when this JVM does not let us. */
    static boolean on(String name, Runnable action) {
        try {
            handle(name, action);
            return true;
        } catch (ReflectiveOperationException | RuntimeException e) {
            return false;
        }
    }

    private static void handle(String name, Runnable action) throws ReflectiveOperationException {
        Class<?> signal = Class.forName("sun.misc.Signal");
        Class<?> handler = Class.forName("sun.misc.SignalHandler");
        Object does = Proxy.newProxyInstance(handler.getClassLoader(), new Class<?>[] {handler}, new Signals(action));
        signal.getMethod("handle", signal, handler).invoke(null, signal.getConstructor(String.class).newInstance(name), does);
    }

    @Override
    public Object invoke(Object proxy, Method method, Object[] arguments) {
        action.run();
        return null;
    }
}
