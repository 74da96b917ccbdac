package io.fwatchdog;

import com.openfaas.model.AbstractHandler;
import com.openfaas.model.IRequest;
import com.openfaas.model.IResponse;
import com.openfaas.model.Response;

/** A function that is not named as the templates name theirs. */
public final class OwnNamed extends AbstractHandler {
    @Override
    public IResponse Handle(IRequest request) {
        Response response = new Response();
        response.setBody("own name");
        return response;
    }
}
