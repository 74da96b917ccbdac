package com.openfaas.model;

import java.io.UnsupportedEncodingException;
import java.net.URLDecoder;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;

/** A request, as the server makes it or a test of a handler. */
public class Request implements IRequest {
    private final String body;
    private final Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    private final String queryRaw;
    private final Map<String, String> query;
    private final String pathRaw;
    private final Map<String, String> path;

    /**
     * A request without a target: whatever is asked of its query and path is null.
     *
     * @param body the body
     * @param headers the headers
     */
    public Request(String body, Map<String, String> headers) {
        this(body, headers, null, null, null, null);
    }

    /**
     * A request.
     *
     * @param body the body
     * @param headers the headers
     * @param queryRaw all behind the {@code ?} of the target, null when there is none
     * @param path the path of the target, decoded
     */
    public Request(String body, Map<String, String> headers, String queryRaw, String path) {
        this(body, headers, queryRaw, parseQuery(queryRaw), path, parsePath(path));
    }

    private Request(String body, Map<String, String> headers, String queryRaw, Map<String, String> query, String pathRaw, Map<String, String> path) {
        this.body = body;
        if (headers != null) {
            this.headers.putAll(headers);
        }
        this.queryRaw = queryRaw;
        this.query = query;
        this.pathRaw = pathRaw;
        this.path = path;
    }

    @Override
    public String getBody() {
        return body;
    }

    @Override
    public Map<String, String> getHeaders() {
        return headers;
    }

    @Override
    public String getHeader(String key) {
        return key == null ? null : headers.get(key);
    }

    @Override
    public String getQueryRaw() {
        return queryRaw;
    }

    @Override
    public Map<String, String> getQuery() {
        return query;
    }

    @Override
    public String getPathRaw() {
        return pathRaw;
    }

    @Override
    public Map<String, String> getPath() {
        return path;
    }

    /** What stands between the first two {@code =} is the value; the last parameter of a name counts. */
    private static Map<String, String> parseQuery(String queryRaw) {
        Map<String, String> query = new LinkedHashMap<>();
        if (queryRaw == null) {
            return query;
        }
        for (String parameter : queryRaw.split("&")) {
            String[] parts = parameter.split("=");
            if (parts.length > 0) {
                query.put(decode(parts[0]), parts.length > 1 ? decode(parts[1]) : null);
            }
        }
        return query;
    }

    private static String decode(String text) {
        try {
            return URLDecoder.decode(text, "UTF-8");
        } catch (UnsupportedEncodingException e) {
            throw new AssertionError(e);
        }
    }

    /** Keys and values take turns; an empty part where a key is due is passed over. */
    private static Map<String, String> parsePath(String pathRaw) {
        Map<String, String> path = new LinkedHashMap<>();
        if (pathRaw == null || pathRaw.isEmpty()) {
            return path;
        }
        String key = "";
        for (String part : pathRaw.substring(1).split("/")) {
            if (key.isEmpty()) {
                key = part;
            } else {
                path.put(key, part);
                key = "";
            }
        }
        if (!key.isEmpty()) {
            path.put(key, "");
        }
        return path;
    }
}
