package com.openfaas.model;

import java.util.Map;

/** The answer to a request. */
public interface IResponse {
    /**
     * The body.
     *
     * @return its text
     */
    String getBody();

    /**
     * Sets the body.
     *
     * @param body text, sent as UTF-8
     */
    void setBody(String body);

    /**
     * One header.
     *
     * @param key its name as it was set
     * @return its value, null when there is none
     */
    String getHeader(String key);

    /**
     * Sets a header.
     *
     * @param key its name
     * @param value its value; null takes the header away
     */
    void setHeader(String key, String value);

    /**
     * The headers.
     *
     * @return names and values
     */
    Map<String, String> getHeaders();

    /**
     * Sets the Content-Type.
     *
     * @param contentType the type; empty lets the server find one
     */
    void setContentType(String contentType);

    /**
     * The Content-Type.
     *
     * @return the type, empty when none was set
     */
    String getContentType();

    /**
     * Sets the status.
     *
     * @param statusCode the HTTP status
     */
    void setStatusCode(int statusCode);

    /**
     * The status.
     *
     * @return the HTTP status
     */
    int getStatusCode();
}
