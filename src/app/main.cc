#include "app/verbs/templar.h"

int main(int argc, char** argv) {
  return templar::run_templar(argc, argv);
}
