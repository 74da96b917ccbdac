package main

import (
	"strconv"
	"strings"

	"fwatchdog/configs"
)

// heapWord stands in a command for the heap that one worker may have, in MiB. A virtual machine left to itself takes its part
// of the whole container, as if it were alone there.
const heapWord = "{heap_mb}"

// heapPart is the part of a worker's memory that its heap may take, in percent: code, stacks and buffers want the rest.
const heapPart = 70

// withHeap puts the number in the place of the word.
func withHeap(settings *configs.Settings, argv []string) ([]string, error) {
	if !strings.Contains(strings.Join(argv, " "), heapWord) {
		return argv, nil
	}
	memory, err := settings.Supervisor().WorkerMemory()
	if err != nil {
		return nil, err
	}
	heap := strconv.FormatInt(max(1, memory/100*heapPart>>20), 10)
	filled := make([]string, len(argv))
	for i, word := range argv {
		filled[i] = strings.ReplaceAll(word, heapWord, heap)
	}
	return filled, nil
}
