// SPDX-License-Identifier: Apache-2.0
#include "scenarios/bench/peers.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "driver/loader/elf_file.h"
#include "scenarios/bench/worker.h"

// emulated_start.S
extern "C" __attribute__((visibility("hidden"))) const char pvpci_emulated_start[], pvpci_emulated_end[],
    pvpci_emulated_function[], pvpci_emulated_arguments[];

namespace pvpci::scenarios {
namespace {

constexpr const char* kQemu = "/usr/bin/qemu-system-x86_64";
constexpr uint32_t kEduAddress = 0xfe000000;
constexpr uint32_t kEduIdentity = 0x010000ed;
constexpr uint32_t kConfigEdu = 0x80002000;  // CF8: 00:04.0
constexpr size_t kBiosBytes = 64 << 10;
constexpr uint32_t kReads = 400'000;
constexpr int kPatienceMs = 20'000;
constexpr uint64_t kWorkSpace = 64 << 20;  // free memory of the emulated machine, beyond the image

// A program that ends when this one does; it says nothing.
pid_t Start(std::vector<std::string> arguments, const std::vector<int>& inherited = {}) {
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int nothing = open("/dev/null", O_RDWR);
  for (const int fd : {0, 1, 2}) dup2(nothing, fd);
  for (const int fd : inherited) fcntl(fd, F_SETFD, 0);
  execv(argv[0], argv.data());
  _exit(127);
}

void RequireQemu() {
  if (access(kQemu, X_OK) != 0) throw PeerAbsent("peer absent: qemu-system-x86 is not installed");
}

int WaitFor(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

// A file in memory that a child may open by its number.
class MemoryFile {
 public:
  MemoryFile(const char* name, const std::string& content) : fd_(memfd_create(name, 0)) {
    if (fd_ < 0 || write(fd_, content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
      throw std::runtime_error(std::string("cannot write a ") + name);
    }
  }
  ~MemoryFile() { close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

// `code` at f000:0000, and a jump to it where the processor starts.
std::string BiosWith(const std::string& code) {
  std::string image(kBiosBytes, '\0');
  image.replace(0, code.size(), code);
  const std::string jump("\xea\x00\x00\x00\xf0", 5);  // jmp f000:0000
  image.replace(kBiosBytes - 16, jump.size(), jump);
  return image;
}

// Real mode: reads A000:0000 `count` times and leaves by the debug exit port.
//
//   xor ax, ax / mov ds 0xa000 / mov ecx, COUNT / jecxz out / again: mov eax, [0] (or nothing) / dec ecx / jnz again
//   out: mov dx, 0xf4 / out dx, al / hlt
std::string ReadingBios(uint32_t count, bool reads) {
  std::string code;
  const auto add = [&code](std::initializer_list<int> bytes) {
    for (const int byte : bytes) code += static_cast<char>(byte);
  };
  add({0xb8, 0x00, 0xa0});  // mov ax, 0xa000
  add({0x8e, 0xd8});        // mov ds, ax
  add({0x66, 0xb9});        // mov ecx, count
  for (int shift = 0; shift < 32; shift += 8) add({static_cast<int>(count >> shift & 0xff)});
  const size_t again = code.size();
  if (reads) add({0x66, 0xa1, 0x00, 0x00});  // mov eax, [0]
  add({0x66, 0x49});                         // dec ecx
  add({0x75, 0});                            // jnz again
  code.back() = static_cast<char>(static_cast<int>(again) - static_cast<int>(code.size()));
  add({0xba, 0xf4, 0x00, 0xee, 0xf4});       // mov dx, 0xf4; out dx, al; hlt
  return BiosWith(code);
}

// Wall clock from QEMU's start until its guest has left by the debug exit port.
double RunBiosNs(const std::string& image, const std::vector<std::string>& more = {}, int inherited = -1) {
  const MemoryFile bios("bios", image);
  std::vector<std::string> arguments = {kQemu, "-M", "pc", "-m", "128", "-cpu", "max", "-accel", "tcg,thread=single",
                                        "-icount", "shift=0,sleep=off", "-nodefaults", "-vga", "std", "-display", "none",
                                        "-bios", fmt::format("/proc/self/fd/{}", bios.fd()), "-device",
                                        "isa-debug-exit,iobase=0xf4,iosize=1"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const double begin = WallNs();
  const int status = WaitFor(Start(arguments, {bios.fd(), inherited}));
  const double ns = WallNs() - begin;
  // isa-debug-exit: the byte written, times two, plus one.
  if (!WIFEXITED(status) || WEXITSTATUS(status) % 2 == 0) throw PeerAbsent("peer absent: QEMU did not run its guest");
  return ns;
}

}  // namespace

Qtest::Qtest() {
  RequireQemu();
  std::string folder = "/tmp/pvpci-qtest-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("no temporary folder");
  const std::string path = folder + "/socket";
  const int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const bool listens = listening >= 0 && bind(listening, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                       listen(listening, 1) == 0;
  if (listens) {
    timeval patience{20, 0};
    setsockopt(listening, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    child_ = Start({kQemu, "-M", "pc", "-m", "16", "-accel", "tcg", "-S", "-nodefaults", "-display", "none", "-device",
                    "edu,addr=4", "-qtest", "unix:" + path});
    socket_ = accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
  }
  close(listening);
  unlink(path.c_str());
  rmdir(folder.c_str());
  if (socket_ < 0) throw PeerAbsent("peer absent: QEMU did not connect");
  Ask(fmt::format("outl 0xcf8 {:#x}", kConfigEdu | 0x10));
  Ask(fmt::format("outl 0xcfc {:#x}", kEduAddress));
  Ask(fmt::format("outl 0xcf8 {:#x}", kConfigEdu | 4));
  Ask("outw 0xcfc 0x2");
}

Qtest::~Qtest() {
  if (socket_ >= 0) close(socket_);
  if (child_ > 0) {
    kill(child_, SIGKILL);
    WaitFor(child_);
  }
}

// The answer without its end of line; lines that nobody asked for (IRQ ...) are passed over.
std::string Qtest::Ask(const std::string& command) {
  const std::string line = command + "\n";
  if (write(socket_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    throw std::runtime_error("QEMU does not listen any more");
  }
  for (;;) {
    const size_t end = received_.find('\n');
    if (end != std::string::npos) {
      const std::string answer = received_.substr(0, end);
      received_.erase(0, end + 1);
      if (answer.compare(0, 2, "OK") == 0) return answer;
      if (answer.compare(0, 4, "FAIL") == 0) throw std::runtime_error("QEMU refused '" + command + "'");
      continue;
    }
    char buffer[256];
    const ssize_t n = read(socket_, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw std::runtime_error("QEMU ended");
    received_.append(buffer, static_cast<size_t>(n));
  }
}

double Qtest::RegisterReadNs(unsigned reads) {
  const std::string command = fmt::format("readl {:#x}", kEduAddress);
  if (std::stoul(Ask(command).substr(3), nullptr, 16) != kEduIdentity) throw std::runtime_error("QEMU has another device");
  const double begin = WallNs();
  for (unsigned i = 0; i < reads; ++i) Ask(command);
  return (WallNs() - begin) / reads;
}

double Qtest::ConfigReadNs(unsigned reads) {
  const std::string command = fmt::format("outl 0xcf8 {:#x}", kConfigEdu);
  const double begin = WallNs();
  for (unsigned i = 0; i < reads; ++i) {
    Ask(command);
    Ask("inl 0xcfc");
  }
  return (WallNs() - begin) / reads;
}

UserModeLinux::UserModeLinux() {
  const char* const peers = getenv("PVPCI_PEERS");
  folder_ = std::string(peers != nullptr ? peers : "") + "/uml";
  if (peers == nullptr || access((folder_ + "/linux").c_str(), X_OK) != 0) {
    throw PeerAbsent("peer absent: user-mode Linux is not built");
  }
}

double UserModeLinux::RunMs(unsigned sleeps, double* init) {
  const std::string root = folder_ + "/root";
  unlink((root + "/started").c_str());
  const int watch = inotify_init1(IN_CLOEXEC);
  if (watch < 0 || inotify_add_watch(watch, root.c_str(), IN_CREATE) < 0) throw std::runtime_error("cannot watch a folder");
  const double begin = WallNs();
  const pid_t child = Start({folder_ + "/linux", "mem=32M", "root=/dev/root", "rootfstype=hostfs", "rootflags=" + root, "rw",
                             "init=/init", "time-travel=inf-cpu", "quiet", "con=null", "con0=null", "--",
                             std::to_string(sleeps)});
  pollfd ready{watch, POLLIN, 0};
  const bool ran = poll(&ready, 1, kPatienceMs) == 1;
  if (init != nullptr) *init = (WallNs() - begin) * 1e-6;
  if (!ran) kill(child, SIGKILL);
  WaitFor(child);
  close(watch);
  if (!ran) throw PeerAbsent("peer absent: user-mode Linux did not start its first program");
  return (WallNs() - begin) * 1e-6;
}

double UserModeLinux::StartToInitMs() {
  double init = 0;
  RunMs(0, &init);
  return init;
}

double UserModeLinux::SleepNs(unsigned sleeps) {
  const double without = RunMs(0);
  return (RunMs(sleeps) - without) * 1e6 / sleeps;
}

TranslatedKernel::TranslatedKernel(const std::string& image) : image_(image) {
  RequireQemu();
  const driver::ElfFile file(image);
  const auto [symbols, count] = file.symbols();
  for (size_t i = 0; i < count; ++i) {
    if (file.SymbolName(symbols[i]) == "kernel_work_rounds") function_ = symbols[i].st_value;
  }
  if (function_ == 0) throw std::runtime_error(image + " has no kernel_work_rounds");
}

double TranslatedKernel::RunNs(uint32_t rounds, uint64_t* result) {
  std::string start(pvpci_emulated_start, pvpci_emulated_end);
  const auto put = [&start](const char* at, uint64_t value) {
    start.replace(static_cast<size_t>(at - pvpci_emulated_start), sizeof value, reinterpret_cast<const char*>(&value),
                  sizeof value);
  };
  put(pvpci_emulated_function, function_);
  put(pvpci_emulated_arguments, rounds);
  put(pvpci_emulated_arguments + sizeof(uint64_t), kWorkSpace);
  const MemoryFile answer("answer", "");
  const double ns = RunBiosNs(BiosWith(start), {"-device", "loader,file=" + image_, "-chardev",
                                                fmt::format("file,id=answer,path=/proc/self/fd/{}", answer.fd()), "-device",
                                                "isa-debugcon,iobase=0xe9,chardev=answer"},
                              answer.fd());
  if (pread(answer.fd(), result, sizeof *result, 0) != sizeof *result) {
    throw PeerAbsent("peer absent: QEMU's guest did not answer");
  }
  return ns;
}

double TranslatedKernel::RoundNs(uint32_t rounds, uint64_t* result) {
  uint64_t nothing = 0;
  const double without = RunNs(0, &nothing);
  return (RunNs(rounds, result) - without) / rounds;
}

double TranslatedRegisterReadNs() {
  RequireQemu();
  const double empty = RunBiosNs(ReadingBios(kReads, false));
  const double reading = RunBiosNs(ReadingBios(kReads, true));
  return (reading - empty) / kReads;
}

}  // namespace pvpci::scenarios
