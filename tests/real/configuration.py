"""Writes the configuration of a test's Asterisk: what we ship in asterisk_conf/, taken as it is, and the least around it.

Inside, Asterisk sees its own folder as /mnt.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tests.real import install

if TYPE_CHECKING:
    from tests.real.asterisk import RealAsterisk

SHIPPED = Path(__file__).resolve().parents[2] / "asterisk_conf"
PHONES = ("1001", "1002", "1003", "1004")
OFFICE = "+380445550000"  # the company's ordinary number

# Modules by name, so that a start takes a second and not five. Order does not matter; Asterisk sorts by dependency.
MODULES = """
res_sorcery_config res_sorcery_memory res_sorcery_astdb res_pjproject res_pjsip res_pjsip_session res_pjsip_sdp_rtp
res_pjsip_endpoint_identifier_user res_pjsip_endpoint_identifier_ip res_pjsip_endpoint_identifier_anonymous res_pjsip_caller_id
res_pjsip_registrar res_pjsip_authenticator_digest res_pjsip_refer res_pjsip_rfc3326 res_pjsip_diversion res_pjsip_nat
res_pjsip_pubsub res_pjsip_mwi res_pjsip_dtmf_info res_pjsip_header_funcs res_pjsip_dlg_options chan_pjsip res_rtp_asterisk
res_timing_timerfd res_musiconhold res_speech res_agi bridge_simple bridge_holding bridge_softmix bridge_native_rtp
bridge_builtin_features chan_bridge_media codec_ulaw codec_alaw codec_gsm codec_resample format_gsm format_wav format_pcm
pbx_config app_queue app_dial app_stack app_exec app_playback app_read app_echo app_verbose app_userevent app_bridgewait
app_transfer app_while func_callerid func_channel func_strings func_logic func_timeout func_cut func_global func_dialplan
func_devstate func_math func_db func_cdr func_sprintf res_manager_devicestate func_evalexten func_rand func_srv
"""

ASTERISK = """
[directories]
astetcdir => /mnt/etc
astmoddir => /mnt/modules
astvarlibdir => /var/lib/asterisk
astdatadir => /mnt/data
astdbdir => /mnt/db
astkeydir => /mnt/db
astspooldir => /mnt/spool
astrundir => /mnt/run
astlogdir => /mnt/log
astagidir => /mnt/agi
[options]
verbose = 3
"""

LOGGER = """
[general]
dateformat=%F %T.%3q
[logfiles]
messages => notice,warning,error,verbose
"""

PJSIP = """
[global]
type=global
endpoint_identifier_order=username,ip,anonymous
[transport-udp]
type=transport
protocol=udp
bind=127.0.0.1:{sip_port}
[trunk]
type=endpoint
context=from-trunk
disallow=all
allow=ulaw
direct_media=no
media_address=127.0.0.1
bind_rtp_to_media_address=yes
trust_id_inbound=yes
[trunk-identify]
type=identify
endpoint=trunk
match=127.0.0.1
"""

PHONE = """
[{0}]
type=endpoint
context=internal-phones
disallow=all
allow=ulaw
direct_media=no
media_address=127.0.0.1
bind_rtp_to_media_address=yes
send_pai=yes
trust_id_outbound=yes
callerid=Operator {0} <{0}>
aors={0}
[{0}]
type=aor
max_contacts=1
remove_existing=yes
"""

# Many phones at one port, for load: each has a contact that stands in the file, and nobody registers.
CROWD_PHONE = """
[{0}]
type=endpoint
context=internal-phones
disallow=all
allow=ulaw
direct_media=no
media_address=127.0.0.1
bind_rtp_to_media_address=yes
aors={0}
[{0}]
type=aor
contact=sip:{0}@127.0.0.1:{1}
"""

# The queues of the tests: the template we ship, with members in each way a site has them.
QUEUES = """
[general]
persistentmembers=no
#include queues_ctiroute.conf
[pair](ctiroute-queue)
strategy=linear
timeout=2
member => PJSIP/1001,0,Operator 1001
member => PJSIP/1002,0,Operator 1002
[ringall](ctiroute-queue)
strategy=ringall
member => PJSIP/1001,0,Operator 1001
member => PJSIP/1002,0,Operator 1002
[solo](ctiroute-queue)
strategy=linear
member => PJSIP/1001,0,Operator 1001
[freepbx](ctiroute-queue)
strategy=linear
timeout=4
member => Local/1001@from-queue/n,0,Operator 1001,PJSIP/1001
member => Local/1002@from-queue/n,0,Operator 1002,PJSIP/1002
[nobody](ctiroute-queue)
strategy=linear
[key](ctiroute-queue)
strategy=linear
timeout=60
context=ctiroute-callback-key
member => PJSIP/1001,0,Operator 1001
[credit](ctiroute-queue)
strategy=linear
member => PJSIP/1003,0,Operator 1003
"""
CROWD_QUEUE = """
[crowd](ctiroute-queue)
strategy=rrmemory
timeout=20
"""

DIALPLAN = """
[general]
static=yes
writeprotect=no
[globals]
TRANSFER_CONTEXT=internal-phones
{includes}

[from-trunk]
exten => _[+0-9]!,1,Goto(ctiroute-route,${EXTEN},1)
; As FreePBX comes in: a custom destination with "Return", the number in FROM_DID.
exten => freepbx,1,Set(__FROM_DID=+380445550000)
 same => n,Gosub(ctiroute-route,s,1)
 same => n,Goto(main-ivr,s,1)
; A site that lets no call last longer than an hour.
exten => limited,1,Set(TIMEOUT(absolute)=3600)
 same => n,Goto(ctiroute-route,+380445550000,1)
; A call that meets an operator without a queue.
exten => direct,1,Dial(PJSIP/1001,30,t)
; A call that meets the queue without being asked.
exten => _queue-[a-z]!,1,Answer(,i)
 same => n,Queue(${EXTEN:6},t)

[main-ivr]
exten => s,1,Set(IVR_ENTERED=${EPOCH})
 same => n,Answer(,i)
 same => n,Wait(120)

[internal-phones]
exten => _10XX,1,Dial(PJSIP/${EXTEN},30,tT)
; Short numbers, for Asterisk's own attended transfer: without sound from the phone it hears the first digit only.
exten => _[1-4],1,Goto(100${EXTEN},1)
exten => _queue-[a-z]!,1,Queue(${EXTEN:6},t)
; Asks ctiroute once more, as a menu's option may.
exten => ask-again,1,Goto(ctiroute-route,+380445550000,1)
exten => hall,1,Answer(,i)
 same => n,Wait(120)

[from-queue]
exten => _10XX,1,Goto(from-internal,${EXTEN},1)
[from-internal]
exten => _10XX,1,Dial(PJSIP/${EXTEN},30,tT)
; As FreePBX generates them: queues, extensions, an IVR.
[ext-local]
include => internal-phones
[ivr-1]
exten => s,1,Answer(,i)
 same => n,Wait(120)
[ext-queues]
exten => 600,1,Answer(,i)
 same => n,Queue(solo,t)
 same => n,Goto(main-ivr,s,1)
"""

PLAIN = ("extensions_ctiroute.conf", "extensions_ctiroute_callback.conf", "extensions_ctiroute_site.conf")  # in every system but FreePBX
FILES = {
    "logger.conf": LOGGER,
    "rtp.conf": "[general]\nrtpstart=20000\nrtpend=29999\nstrictrtp=no\n",
    "musiconhold.conf": "[default]\nmode=files\ndirectory=/usr/share/asterisk/sounds\n",
    "features.conf": "[general]\natxfernoanswertimeout=15\ntransferdigittimeout=1\n#include features_ctiroute.conf\n",
    "cdr.conf": "[general]\nenable=no\n",
    "cel.conf": "[general]\nenable=no\n",
    "indications.conf": "[general]\ncountry=us\n[us]\ndescription=US\nringcadence=2000,4000\ndial=350+440\nring=440+480/2000,0/4000\n",
}


def write(asterisk: RealAsterisk) -> None:
    """Write everything into the Asterisk's own folder; run again, it writes the same with the present AGI address."""
    for name in ("etc", "db", "spool", "run", "log", "agi"):
        (asterisk.home / name).mkdir(exist_ok=True)
    etc = asterisk.home / "etc"
    etc.joinpath("asterisk.conf").write_text(ASTERISK)
    etc.joinpath("modules.conf").write_text("[modules]\nautoload=no\n" + "".join(f"load = {name}.so\n" for name in MODULES.split()))
    for name, text in FILES.items():
        etc.joinpath(name).write_text(text)
    for shipped in SHIPPED.glob("*.conf"):
        etc.joinpath(shipped.name).write_text(shipped.read_text())
    etc.joinpath("extensions_ctiroute.conf").write_text(_dialplan(asterisk, (SHIPPED / "extensions_ctiroute.conf").read_text()))
    _sounds(asterisk.home / "data")
    for name, secret in (("manager_ctiroute.conf", "ctiroute-secret"), ("manager_ctiroute_callback.conf", "originate-secret")):
        etc.joinpath(name).write_text((SHIPPED / name).read_text().replace("CHANGE_ME", secret))
    etc.joinpath("manager.conf").write_text(
        f"[general]\nenabled=yes\nwebenabled=no\nbindaddr=127.0.0.1\nport={asterisk.ami_port}\nauthtimeout=5\ntimestampevents=yes\n"
        "[lab]\nsecret=lab-secret\nread=all\nwrite=all\nwritetimeout=5000\n#include manager_ctiroute.conf\n"
        "#include manager_ctiroute_callback.conf\n"
    )
    phones = [PHONE.format(number) for number in PHONES] + [CROWD_PHONE.format(number, asterisk.crowd_port) for number in asterisk.crowd]
    etc.joinpath("pjsip.conf").write_text(PJSIP.format(sip_port=asterisk.sip_port) + "".join(phones))
    members = "".join(f"member => PJSIP/{number},0,Operator {number}\n" for number in asterisk.crowd)
    etc.joinpath("queues.conf").write_text(QUEUES + (CROWD_QUEUE + members if members else ""))
    for name in ("extensions_ctiroute_site.conf", "freepbx/extensions_custom.conf"):
        etc.joinpath(Path(name).name).write_text(_site(asterisk, (SHIPPED / name).read_text()))
    includes = ("extensions_custom.conf",) if asterisk.freepbx else PLAIN
    etc.joinpath("extensions.conf").write_text(DIALPLAN.replace("{includes}", "\n".join(f"#include {name}" for name in includes)))


def _sounds(data: Path) -> None:
    """Make a data folder with Asterisk's own English prompts and, beside them, ours of all languages, as docs/how-to/asterisk.md says."""
    shared = Path("usr/share/asterisk")
    root = install.asterisk_root() / shared
    english = "sounds/en_US_f_Allison"
    for entry in (*root.iterdir(), *(root / english).iterdir()):
        name = entry.relative_to(root)
        if name.name != "sounds":
            link = data / (Path("sounds/en", entry.name) if entry.parent.name == Path(english).name else name)
            link.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                link.symlink_to(Path("/") / shared / name)
    for language in (SHIPPED / "sounds").glob("*/ctiroute"):
        shutil.copytree(language, data / "sounds" / language.relative_to(SHIPPED / "sounds"), dirs_exist_ok=True)


def _dialplan(asterisk: RealAsterisk, shipped: str) -> str:
    """Return the shipped dialplan with its built-in address at a port of this Asterisk's own: somebody may listen at the usual one."""
    built_in = "CTI_SITE_AGI=agi://127.0.0.1:4573/route,"
    if built_in not in shipped:
        raise AssertionError("the shipped dialplan no longer has a built-in address")
    return shipped.replace(built_in, f"CTI_SITE_AGI=agi://127.0.0.1:{asterisk.built_in_agi_port}/route,")


def _site(asterisk: RealAsterisk, shipped: str) -> str:
    """Return a shipped site file with what a site has to set: ctiroute's address, and the extensions allowed."""
    default = "agi://127.0.0.1:4573/route)"
    if default not in shipped:
        raise AssertionError("the shipped site file no longer names the default address")
    address = f"{asterisk.agi_nodes or f'agi://{asterisk.agi_host}:{asterisk.agi_port}{asterisk.agi_path}'})"
    order = f"Set(CTI_SITE_AGI_ORDER={asterisk.agi_order})"
    return (
        shipped.replace(default, address)
        .replace("Set(CTI_SITE_AGI_ORDER=)", order)
        .replace(";include => internal-phones", "include => internal-phones")
        .replace(";exten => _+380XXXXXXXXX,1,Dial(PJSIP/${EXTEN}@my-trunk)", "exten => _+380XXXXXXXXX,1,Dial(PJSIP/1004)")
    )
