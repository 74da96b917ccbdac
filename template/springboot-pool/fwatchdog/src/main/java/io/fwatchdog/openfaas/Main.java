package io.fwatchdog.openfaas;

import com.openfaas.model.AbstractHandler;
import io.fwatchdog.Options;
import io.fwatchdog.Worker;
import java.util.Iterator;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;

/**
 * Starts a function of the OpenFaaS Java templates as a worker: the class {@code com.openfaas.function.Handler}, or whichever
 * extends {@link AbstractHandler} and is named in {@code META-INF/services}.
 *
 * <p>It takes one request at a time, as such functions always did: their fields were never shared between threads.
 */
public final class Main {
    private Main() {
    }

    /**
     * Starts the worker.
     *
     * @param arguments none
     */
    public static void main(String[] arguments) {
        Worker worker = Worker.open(new Options().concurrency(1));
        AbstractHandler function = null;
        try {
            function = load();
        } catch (Throwable raised) {
            worker.fail(raised);
        }
        worker.run(new OpenFaasHandler(function));
    }

    /** Makes the first function that can be found. The one that our own jar names is often not there. */
    private static AbstractHandler load() throws Throwable {
        Throwable missing = new ClassNotFoundException("no class extends com.openfaas.model.AbstractHandler");
        Iterator<AbstractHandler> functions = ServiceLoader.load(AbstractHandler.class).iterator();
        while (functions.hasNext()) {
            try {
                return functions.next();
            } catch (ServiceConfigurationError e) {
                if (e.getCause() != null) {
                    throw e.getCause(); // what the function's constructor has thrown
                }
                missing = e;
            }
        }
        throw missing;
    }
}
