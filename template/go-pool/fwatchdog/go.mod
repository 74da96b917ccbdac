module fwatchdog

go 1.26
