package com.openfaas.function;

import com.openfaas.model.AbstractHandler;
import com.openfaas.model.IRequest;
import com.openfaas.model.IResponse;
import com.openfaas.model.Response;

/** A function as a user of the OpenFaaS template writes it; it is found by its name. */
public class Handler extends AbstractHandler {
    private int calls;

    public Handler() {
        System.out.println("printed by the constructor");
        if (System.getenv("HANDLER_ERROR") != null) {
            throw new IllegalStateException("no database");
        }
    }

    @Override
    public IResponse Handle(IRequest request) {
        Response response = new Response();
        switch (request.getPathRaw()) {
            case "/throw":
                throw new IllegalStateException("boom");
            case "/exit":
                System.exit(3);
                break;
            case "/null":
                return null;
            default:
                response.setBody(request.getBody() + " " + ++calls);
                break;
        }
        return response;
    }
}
