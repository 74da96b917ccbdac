'use strict';

// The function as the classic watchdog runs it: a process for each request.
process.stdin.resume().on('end', () => process.stdout.write('hello'));
