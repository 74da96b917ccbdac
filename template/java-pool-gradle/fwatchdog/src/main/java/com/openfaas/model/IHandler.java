package com.openfaas.model;

/** A function's entry point. */
public interface IHandler {
    /**
     * Answers one request.
     *
     * @param request what the client asked
     * @return the answer
     */
    IResponse Handle(IRequest request);
}
