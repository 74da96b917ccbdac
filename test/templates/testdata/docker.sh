# The commands of docker that copy files out of an image, which lies in a folder. Those that build and run are the test's.
set -e
case $1 in
create) echo container ;;
cp) cp -R "$image${2#container:}" "$3" ;;
rm) ;;
*) echo "docker $1 is not known here" >&2; exit 1 ;;
esac
