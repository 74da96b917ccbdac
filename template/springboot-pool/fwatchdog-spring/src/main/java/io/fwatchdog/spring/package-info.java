/**
 * Runs a Spring Boot application as a worker. To be on the class path is enough: under fwatchdog the application serves its
 * bean of type {@link io.fwatchdog.Handler}, {@link com.openfaas.model.IHandler} or {@link java.util.function.Function};
 * started in any other way, as in its tests, it is what it was.
 */
package io.fwatchdog.spring;
