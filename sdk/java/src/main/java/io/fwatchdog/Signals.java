package io.fwatchdog;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;

/**
 * Makes TERM and INT do nothing: a container's runtime may send them to every process, but the host alone says when a
 * worker goes.
 *
 * <p>The JDK has no public API for signals; {@code sun.misc.Signal} is there from 8 on, though not for javac's
 * {@code --release}. A handler that does nothing is better than ignoring, which the user's subprocesses would inherit.
 */
final class Signals implements InvocationHandler {
    private Signals() {
    }

    static void ignore(String... names) {
        try {
            Class<?> signal = Class.forName("sun.misc.Signal");
            Class<?> handler = Class.forName("sun.misc.SignalHandler");
            Method handle = signal.getMethod("handle", signal, handler);
            Object nothing = Proxy.newProxyInstance(handler.getClassLoader(), new Class<?>[] {handler}, new Signals());
            for (String name : names) {
                handle.invoke(null, signal.getConstructor(String.class).newInstance(name), nothing);
            }
        } catch (ReflectiveOperationException | RuntimeException e) {
            System.err.println("fwatchdog: this JVM ends at SIGTERM: " + e);
        }
    }

    @Override
    public Object invoke(Object proxy, Method method, Object[] arguments) {
        return null;
    }
}
