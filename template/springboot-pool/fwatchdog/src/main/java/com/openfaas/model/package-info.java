/**
 * The types that a function of the OpenFaaS Java templates is written against, so that it runs here without a changed byte.
 * New functions are better off with {@link io.fwatchdog.Handler}, which knows bytes, streams, deadlines and cancellation.
 */
package com.openfaas.model;
