/**
 * The worker side of fwatchdog: it turns a handler into a process that fwatchdog starts and keeps, and that answers many
 * requests at once over its standard input and output. {@link io.fwatchdog.Worker} is the way in.
 *
 * <pre>
 * stdin --- HostReader --- requests ------------ Crew: Handler.handle --- Output --- stdout or fd 3
 *               |                                   |                      written by whoever
 *               +--- DATA, WINDOW, CANCEL --- Stream (body, window, end)   finds it idle
 * </pre>
 */
package io.fwatchdog;
