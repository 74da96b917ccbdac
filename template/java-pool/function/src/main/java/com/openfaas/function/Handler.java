package com.openfaas.function;

import com.openfaas.model.AbstractHandler;
import com.openfaas.model.IRequest;
import com.openfaas.model.IResponse;
import com.openfaas.model.Response;

/**
 * Answers requests, one at a time. It is made once, before the first of them, and stays: what its constructor opens, such as a
 * connection to a database, is opened once.
 */
public class Handler extends AbstractHandler {
    @Override
    public IResponse Handle(IRequest request) {
        Response response = new Response();
        response.setBody("Hello, " + (request.getBody().isEmpty() ? "world" : request.getBody()) + "!");
        return response;
    }
}
