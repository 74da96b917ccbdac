/** Runs functions that are written against {@link com.openfaas.model}. */
package io.fwatchdog.openfaas;
