package io.fwatchdog;

/** How much a log line matters. The order is that of the wire. */
public enum Level {
    /** Only of use to whoever looks for a fault. */
    DEBUG,
    /** An ordinary event. */
    INFO,
    /** Something that should not happen often. */
    WARN,
    /** Something that should not happen. */
    ERROR
}
