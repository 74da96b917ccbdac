package io.fwatchdog.openfaas;

import com.openfaas.model.IHandler;
import com.openfaas.model.IRequest;
import com.openfaas.model.IResponse;
import io.fwatchdog.BadRequestException;
import io.fwatchdog.Handler;
import io.fwatchdog.Request;
import io.fwatchdog.Response;
import java.io.IOException;
import java.io.UnsupportedEncodingException;
import java.net.URLDecoder;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** Answers requests with a function of the OpenFaaS Java templates. */
public final class OpenFaasHandler implements Handler {
    private final IHandler function;

    /**
     * A handler.
     *
     * @param function what answers
     */
    public OpenFaasHandler(IHandler function) {
        this.function = function;
    }

    @Override
    public Response handle(Request request) throws IOException {
        IResponse answer = function.Handle(translate(request));
        if (answer == null) {
            throw new IllegalStateException("the handler returned no response");
        }
        if (answer.getBody() == null) {
            throw new IllegalStateException("the handler returned a response without a body");
        }
        Response response = Response.of(answer.getStatusCode()).body(answer.getBody());
        for (Map.Entry<String, String> header : headers(answer).entrySet()) {
            response.header(header.getKey(), header.getValue());
        }
        return response;
    }

    private static IRequest translate(Request request) throws IOException {
        Map<String, String> headers = new HashMap<>();
        for (Map.Entry<String, String> header : request.headers()) {
            headers.putIfAbsent(capitalize(header.getKey()), header.getValue());
        }
        String query = request.target().indexOf('?') < 0 ? null : request.query();
        try {
            return new com.openfaas.model.Request(request.text(), headers, query, decodePath(request.path()));
        } catch (IllegalArgumentException e) {
            throw new BadRequestException("the target is not well encoded", e);
        }
    }

    /** As the JDK's HTTP server writes names, which the functions were tested against: {@code X-call-id}. */
    private static String capitalize(String name) {
        return name.isEmpty() ? name : name.substring(0, 1).toUpperCase(Locale.ROOT) + name.substring(1);
    }

    /** A plus is a plus in a path, other than in a query. */
    private static String decodePath(String path) {
        try {
            return URLDecoder.decode(path.replace("+", "%2B"), "UTF-8");
        } catch (UnsupportedEncodingException e) {
            throw new AssertionError(e);
        }
    }

    /** One value a name, whatever its case: the last one that was set. */
    private static Map<String, String> headers(IResponse answer) {
        Map<String, String> headers = new LinkedHashMap<>();
        String contentType = answer.getContentType();
        if (contentType != null && !contentType.isEmpty()) {
            headers.put("content-type", contentType);
        }
        for (Map.Entry<String, String> header : answer.getHeaders().entrySet()) {
            if (header.getValue() != null) {
                headers.put(header.getKey().toLowerCase(Locale.ROOT), header.getValue());
            }
        }
        return headers;
    }
}
