package com.openfaas.model;

import java.util.Map;

/** What a client asked. */
public interface IRequest {
    /**
     * The body.
     *
     * @return its bytes as UTF-8 text
     */
    String getBody();

    /**
     * The headers.
     *
     * @return the first value of each; looking one up ignores case
     */
    Map<String, String> getHeaders();

    /**
     * One header.
     *
     * @param key its name, in any case
     * @return its first value, null when there is none
     */
    String getHeader(String key);

    /**
     * The query.
     *
     * @return all behind the {@code ?}, not decoded; null when there is none
     */
    String getQueryRaw();

    /**
     * The parameters of the query.
     *
     * @return names and values, decoded; a parameter without a value has null
     */
    Map<String, String> getQuery();

    /**
     * The path, decoded in spite of its name.
     *
     * @return the path
     */
    String getPathRaw();

    /**
     * The path taken as parameters: {@code /a/b/c} is a=b and c with an empty value.
     *
     * @return names and values
     */
    Map<String, String> getPath();
}
