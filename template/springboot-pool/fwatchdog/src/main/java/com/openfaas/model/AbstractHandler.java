package com.openfaas.model;

/** What a function's {@code com.openfaas.function.Handler} extends, and is looked up by. */
public abstract class AbstractHandler implements IHandler {
    /** Called once, before the first request. */
    public AbstractHandler() {
    }

    @Override
    public abstract IResponse Handle(IRequest request);
}
