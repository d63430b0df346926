# SPDX-License-Identifier: MIT
# Shared by ./run and ./check, which set $root and source this file:
#
#   needs GROUP…              installs what is missing for these groups of the table below
#   build DIR CC [OPTION…]    brings $root/DIR up to date with meson and ninja
#   build_errors DIR          why that failed, on standard output
#   probe KIND:NAME           true if it is there; cmd:NAME,NAME: one of them
#
# All words of this file go to standard error. Functions with a body in ( ) keep their variables.
# shellcheck shell=sh

: "${root:?}"
PATH=$PATH:/usr/sbin:/sbin

say()
{
    printf 'ddm: %s\n' "$*" >&2
}

# One row per need. `for`: build (./run), test (./check), bench. '+' joins packages, '-' is none.
# dnf and zypper find a library by what its package provides.
needs_table()
{
    cat <<'END'
# probe                   for   apt                 dnf                       pacman           zypper                    apk               brew
cmd:cc                    build gcc                 gcc                       gcc              gcc                       gcc               -
file:/usr/include/stdio.h build libc6-dev           glibc-devel               glibc            glibc-devel               musl-dev          -
cmd:meson                 build meson               meson                     meson            meson                     meson             meson
cmd:ninja                 build ninja-build         ninja-build               ninja            ninja                     samurai           ninja
cmd:pkg-config            build pkg-config          pkgconf-pkg-config        pkgconf          pkg-config                pkgconf           pkgconf
pc:libcurl                build libcurl4-gnutls-dev pkgconfig(libcurl)        curl             pkgconfig(libcurl)        curl-dev          curl
pc:libmicrohttpd          build libmicrohttpd-dev   pkgconfig(libmicrohttpd)  libmicrohttpd    pkgconfig(libmicrohttpd)  libmicrohttpd-dev libmicrohttpd
pc:libuv                  build libuv1-dev          pkgconfig(libuv)          libuv            pkgconfig(libuv)          libuv-dev         libuv
pc:gnutls                 build libgnutls28-dev     pkgconfig(gnutls)         gnutls           pkgconfig(gnutls)         gnutls-dev        gnutls
pc:jansson                build libjansson-dev      pkgconfig(jansson)        jansson          pkgconfig(jansson)        jansson-dev       jansson
pc:inih                   build libinih-dev         pkgconfig(inih)           libinih          pkgconfig(inih)           inih-dev          inih
pc:expat                  build libexpat1-dev       pkgconfig(expat)          expat            pkgconfig(expat)          expat-dev         expat
pc:libqrencode            build libqrencode-dev     pkgconfig(libqrencode)    qrencode         pkgconfig(libqrencode)    libqrencode-dev   qrencode
pc:libseccomp             build libseccomp-dev      pkgconfig(libseccomp)     libseccomp       pkgconfig(libseccomp)     libseccomp-dev    -
cmd:gcc                   test  gcc                 gcc                       gcc              gcc                       gcc               -
gcclib:libasan.so         test  -                   libasan+libubsan          -                -                         -                 -
cmd:clang                 test  clang               clang                     clang            clang                     clang             llvm
clanglib:fuzzer           test  libclang-rt-dev     compiler-rt               compiler-rt      clang                     compiler-rt       llvm
cmd:clang-format          test  clang-format        clang-tools-extra         clang            clang-tools               clang-extra-tools clang-format
cmd:clang-tidy            test  clang-tidy          clang-tools-extra         clang            clang-tools               clang-extra-tools llvm
cmd:cppcheck              test  cppcheck            cppcheck                  cppcheck         cppcheck                  cppcheck          cppcheck
cmd:dash                  test  dash                dash                      dash             dash                      dash              -
pc:cmocka                 test  libcmocka-dev       pkgconfig(cmocka)         cmocka           pkgconfig(cmocka)         cmocka-dev        cmocka
py:pytest,xdist           test  python3-pytest+python3-pytest-xdist python3-pytest+python3-pytest-xdist python-pytest+python-pytest-xdist python3-pytest+python3-pytest-xdist py3-pytest+py3-pytest-xdist pytest
cmd:nginx                 test  nginx               nginx                     nginx            nginx                     nginx             nginx
cmd:vsftpd                test  vsftpd              vsftpd                    vsftpd           vsftpd                    vsftpd            -
cmd:sshd                  test  openssh-server      openssh-server            openssh          openssh-server            openssh           openssh
cmd:tinyproxy             test  tinyproxy           tinyproxy                 tinyproxy        tinyproxy                 tinyproxy         tinyproxy
cmd:microsocks            test  microsocks          microsocks                microsocks       microsocks                microsocks        microsocks
cmd:openssl               test  openssl             openssl                   openssl          openssl                   openssl           openssl
cmd:ip                    test  iproute2            iproute                   iproute2         iproute2                  iproute2          -
cmd:tc                    test  iproute2            iproute-tc                iproute2         iproute2                  iproute2          -
cmd:apache2,httpd         test  apache2-bin         httpd                     apache           apache2                   apache2           httpd
cmd:lighttpd              test  lighttpd            lighttpd                  lighttpd         lighttpd                  lighttpd          lighttpd
cmd:openssl               test  openssl             openssl                   openssl          openssl                   openssl           openssl
cmd:curl                  test  curl                curl                      curl             curl                      curl              curl
cmd:tinyproxy             test  tinyproxy           tinyproxy                 tinyproxy        tinyproxy                 tinyproxy         tinyproxy
cmd:microsocks            test  microsocks          -                         -                -                         microsocks        microsocks
cmd:pv                    test  pv                  pv                        pv               pv                        pv                pv
cmd:pgrep                 test  procps              procps-ng                 procps-ng        procps                    procps            -
cmd:mkfs.ext4             test  e2fsprogs           e2fsprogs                 e2fsprogs        e2fsprogs                 e2fsprogs         -
cmd:mkfs.xfs              test  xfsprogs            xfsprogs                  xfsprogs         xfsprogs                  xfsprogs          -
cmd:certtool              test  gnutls-bin          gnutls-utils              gnutls           gnutls                    gnutls-utils      gnutls
cmd:tshark                test  tshark              wireshark-cli             wireshark-cli    wireshark                 tshark            wireshark
cmd:aria2c                bench aria2               aria2                     aria2            aria2                     aria2             aria2
cmd:axel                  bench axel                axel                      axel             axel                      axel              axel
cmd:wget2                 bench wget2               wget2                     wget2            wget2                     wget2             wget2
cmd:haproxy               bench haproxy             haproxy                   haproxy          haproxy                   haproxy           haproxy
cmd:gnuplot               bench gnuplot-nox         gnuplot                   gnuplot          gnuplot                   gnuplot           gnuplot
END
}

# The first Python that has these modules (commas between them), on standard output. `python3` may
# be one that somebody built, the distribution's packages are for its own.
python_with()
(
    for python in python3 /usr/bin/python3; do
        if "$python" -c "import $1" 2>/dev/null; then
            echo "$python"
            exit 0
        fi
    done
    exit 1
)

# The first of these commands (commas between them) that is there: distributions name some otherwise.
command_of()
(
    IFS=,
    for name in $1; do
        command -v "$name" && exit 0
    done
    exit 1
)

probe()
{
    case $1 in
    cmd:*) command_of "${1#*:}" >/dev/null ;;
    file:*) [ -e "${1#*:}" ] ;;
    pc:*) pkg-config --exists "${1#*:}" 2>/dev/null ;;
    py:*) python_with "${1#*:}" >/dev/null ;;
    gcclib:*) case $(gcc -print-file-name="${1#*:}" 2>/dev/null) in /*) ;; *) false ;; esac ;;
    clanglib:*) ls "$(clang -print-resource-dir 2>/dev/null)"/lib/*/libclang_rt."${1#*:}"* \
        >/dev/null 2>&1 ;;
    *) false ;;
    esac
}

# The package manager of this system, by the name of its column; nothing if it is none of them.
manager()
{
    for m in apt-get dnf pacman zypper apk brew; do
        if command -v $m >/dev/null; then
            echo "${m%-get}"
            return
        fi
    done
}

# missing MANAGER GROUP…: the packages to install, one a line (without a manager: the probes).
missing()
(
    manager=$1
    shift
    needs_table | while read -r probe group apt dnf pacman zypper apk brew; do
        case " $* " in *" $group "*) ;; *) continue ;; esac
        case $manager in
        apt) packages=$apt ;;
        dnf) packages=$dnf ;;
        pacman) packages=$pacman ;;
        zypper) packages=$zypper ;;
        apk) packages=$apk ;;
        brew) packages=$brew ;;
        *) packages=$probe ;;
        esac
        [ "$packages" = - ] || probe "$probe" </dev/null || echo "$packages"
    done | tr '+' '\n' | sort -u
)

# install_with MANAGER SUDO PACKAGE…: what it says is shown only if it fails.
install_with()
(
    manager=$1 sudo=$2 words=$(mktemp)
    shift 2
    case $manager in
    apt) $sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 \
        install -y --no-install-recommends "$@" ;;
    dnf) $sudo dnf -q -y install "$@" ;;
    pacman) $sudo pacman -S --needed --noconfirm "$@" ;;
    zypper) $sudo zypper -n install --no-recommends "$@" ;;
    apk) $sudo apk add -q "$@" ;;
    brew) brew install -q "$@" ;;
    esac </dev/null >"$words" 2>&1
    status=$?
    [ $status = 0 ] || cat "$words" >&2
    rm -f "$words"
    exit $status
)

# needs GROUP…: false if something is still missing. The caller may go on: what needs it will say so.
needs()
(
    manager=$(manager)
    list=$(missing "$manager" "$@" | tr '\n' ' ')
    [ -n "$list" ] || exit 0
    if [ -z "$manager" ]; then
        say "missing, and no package manager that this script knows: $list"
        exit 1
    fi
    sudo=
    if [ "$manager" != brew ] && [ "$(id -u)" != 0 ]; then
        sudo=$(command -v sudo || command -v doas) || {
            say "missing, and neither root nor sudo to install it. As root, with $manager: $list"
            exit 1
        }
    fi
    say "installing with ${sudo:+$sudo }$manager: $list"
    if [ "$manager" = apt ]; then
        $sudo apt-get -qq -o DPkg::Lock::Timeout=300 update </dev/null >&2
    fi
    # shellcheck disable=SC2086 # a list of words
    install_with "$manager" "$sudo" $list || for package in $list; do
        # A name that this release of the system does not know must not stop the others.
        install_with "$manager" "$sudo" "$package" || say "cannot install $package"
    done
    list=$(missing "$manager" "$@" | tr '\n' ' ')
    [ -z "$list" ] || { say "still missing: $list"; exit 1; }
)

# Compiles $dir; the words of ninja are in $dir/build.log.
compile()
{
    case $(ninja -C "$dir" -n 2>&1 9<&-) in
    *'no work to do'*) ;;
    *)
        say "compiling in ${dir##*/}/"
        ninja -C "$dir" >"$dir/build.log" 2>&1 </dev/null 9<&- || return 1
        ;;
    esac
    [ ! -e "$dir/src/ddm" ] || [ -e "$dir/ddm" ] || ln -s src/ddm "$dir/ddm"
}

# Makes $dir anew with the options given.
configure()
{
    if [ -d "$dir/meson-private" ] || [ -e "$dir/.options" ]; then
        rm -rf "$dir"
    fi
    mkdir -p "$dir"
    say "setting up ${dir##*/}/"
    CC=$cc meson setup "$@" "$dir" "$root" >"$dir/build.log" 2>&1 </dev/null 9<&- || return 1
    printf '%s\n' "$options" >"$dir/.options"
}

# build DIR CC [OPTION…]: false if it fails, then the reason is in DIR/build.log. A folder that was
# set up with other options, for another place, or is broken, is made anew; one that a person set
# up is taken as it is. One build at a time in a checkout.
build()
(
    dir=$root/$1 cc=$2
    shift 2
    options="$root $cc $*"
    exec 9<"$root/scripts/setup.sh"
    if command -v flock >/dev/null; then
        flock 9
    fi
    if [ -f "$dir/build.ninja" ] &&
        { [ ! -e "$dir/.options" ] || [ "$(cat "$dir/.options")" = "$options" ]; }; then
        compile && exit 0
        # The code's own errors stay; all others are the folder's.
        if grep '^FAILED: ' "$dir/build.log" | grep -qv 'build\.ninja'; then
            exit 1
        fi
        say "${dir##*/}/ is broken"
    fi
    configure "$@" && compile
)

build_errors()
{
    if grep -q '^FAILED: ' "$root/$1/build.log"; then
        sed -n '/^FAILED: /,$p' "$root/$1/build.log" | head -n 100
    else
        tail -n 12 "$root/$1/build.log"
    fi
}
