package io.fwatchdog.spring;

import com.openfaas.model.IHandler;
import io.fwatchdog.Handler;
import io.fwatchdog.openfaas.OpenFaasHandler;
import java.util.function.Function;
import org.springframework.beans.factory.config.BeanDefinition;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.core.ResolvableType;

/** Finds the bean that answers the requests. */
final class Beans {
    private Beans() {
    }

    /** The native API before the types of OpenFaaS before plain functions; of several the primary one. */
    static Handler handler(ConfigurableListableBeanFactory beans) {
        Handler handler = beans.getBeanProvider(Handler.class).getIfAvailable();
        if (handler != null) {
            return handler;
        }
        IHandler openFaas = beans.getBeanProvider(IHandler.class).getIfAvailable();
        if (openFaas != null) {
            return new OpenFaasHandler(openFaas);
        }
        return function(beans);
    }

    private static Handler function(ConfigurableListableBeanFactory beans) {
        if (beans.getBeanNamesForType(Function.class).length == 0) {
            throw new IllegalStateException(
                    "there is no bean of type io.fwatchdog.Handler, com.openfaas.model.IHandler or java.util.function.Function");
        }
        var function = beans.resolveNamedBean(Function.class);
        return new FunctionHandler(function.getBeanInstance(), input(beans, function.getBeanName()), beans);
    }

    /** What a function takes, as its bean is declared: the object itself has forgotten it. */
    private static ResolvableType input(ConfigurableListableBeanFactory beans, String name) {
        BeanDefinition declared = beans.getMergedBeanDefinition(name);
        return declared.getResolvableType().as(Function.class).getGeneric(0);
    }
}
