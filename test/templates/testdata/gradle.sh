#!/bin/sh
# Stands in for Gradle where it cannot be had: what build.gradle names is resolved by Maven, the function is compiled by javac,
# its JUnit tests run, and its distribution is laid out as `gradle :function:installDist` does.
set -eu

jar_of() { # SOURCES CLASSPATH JAR [JAVAC OPTION...]
	classes=$(mktemp -d)
	sources=$1 classpath=$2 jar=$3
	shift 3
	find "$sources/java" -name '*.java' | xargs javac -nowarn -encoding UTF-8 -cp "$classpath" -d "$classes" "$@"
	[ ! -d "$sources/resources" ] || cp -R "$sources/resources/." "$classes"
	jar --create --file "$jar" -C "$classes" .
	rm -r "$classes"
}

# fwatchdog stands in the place of com.openfaas:model and com.openfaas:entrypoint.
dependencies() { # CONFIGURATIONS SCOPE
	sed -nE "s/^ *($1) '([^:']*):([^:']*):([^:']*)'.*/\2 \3 \4/p" function/build.gradle | grep -v '^com.openfaas ' |
		while read -r group artifact version; do
			echo "<dependency><groupId>$group</groupId><artifactId>$artifact</artifactId><version>$version</version><scope>$2</scope></dependency>"
		done
}

output=$PWD/function/build/install/function
mkdir -p "$output/lib" function/build/test
cat > function/build/pom.xml <<POM
<project><modelVersion>4.0.0</modelVersion><groupId>function</groupId><artifactId>function</artifactId><version>1.0</version>
<packaging>pom</packaging><dependencies>
$(dependencies 'api|implementation' compile)
$(dependencies testImplementation test)
</dependencies></project>
POM
copy="mvn -q -B -f function/build/pom.xml org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
$copy -DincludeScope=runtime -DoutputDirectory="$output/lib"
$copy -DincludeScope=test -DoutputDirectory="$PWD/function/build/test"

jar_of fwatchdog/src/main . "$output/lib/fwatchdog.jar" --release 8 -Xlint:-options
jar_of function/src/main "$output/lib/*" "$output/function-1.0.jar"
case "$*" in *"-x test"*) exit ;; esac
[ -d function/src/test/java ] || exit 0
jar_of function/src/test "$output/lib/*:$output/function-1.0.jar:function/build/test/*" function/build/tests.jar
tests=$(cd function/src/test/java && find . -name '*Test.java' | sed 's|^\./||; s|\.java$||; s|/|.|g')
# shellcheck disable=SC2086 # the list is meant to be split
java -cp "function/build/tests.jar:$output/lib/*:$output/function-1.0.jar:function/build/test/*" org.junit.runner.JUnitCore $tests
