module handler

go 1.26

require (
	fwatchdog v0.0.0
	handler/function v0.0.0
)

replace (
	fwatchdog => ./fwatchdog
	handler/function => ./function
)
